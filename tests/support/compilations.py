"""What JAX compiles is kept in a folder: a program is compiled once, not once in each process and for each model."""

from pathlib import Path


def kept_in(folder: Path) -> dict[str, str]:
    """Return the environment of JAX with a folder for all that it compiles, however short it took."""
    return {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
