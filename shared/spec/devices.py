"""Which device a track computes on, and whether a GPU has bfloat16."""

from twotrack.shared.errors import UserError

FIRST_WITH_BFLOAT16 = (8, 0)
"""Compute capability of NVIDIA's GPUs."""


def without_bfloat16(gpu: str, capability: tuple[int, int]) -> str:
    """Say that a GPU has no bfloat16, by its compute capability; empty if it has."""
    if capability >= FIRST_WITH_BFLOAT16:
        return ""
    needed, found = (".".join(map(str, one)) for one in (FIRST_WITH_BFLOAT16, capability))
    return f"'{gpu}' does not compute in bfloat16: expected compute capability {needed} or more, found {found}"


def choose_device(wanted: str, has_gpu: bool, track: str) -> str:
    """Return cpu or cuda for auto, cpu or cuda; UserError if a GPU is wanted and there is none."""
    if wanted == "cuda" and not has_gpu:
        raise UserError(f"--device cuda: track '{track}' sees no usable GPU; use --device cpu or auto.")
    return "cuda" if wanted != "cpu" and has_gpu else "cpu"
