"""What keeps libraries from reporting to their makers."""

import os

SETTINGS = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime: facts of the machine, to a collector
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "1",  # huggingface_hub and what is built on it, older names
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    "WANDB_ERROR_REPORTING": "false",
}


def keep() -> None:
    """Keep this process, and those that it starts, quiet. Libraries read it when they are imported."""
    os.environ.update(SETTINGS)
