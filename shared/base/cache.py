"""Where files are kept that are made once: the user's cache folder."""

from pathlib import Path

from platformdirs import user_cache_path

from twotrack.shared.errors import UserError


def cache_folder(name: str) -> Path:
    """Return twotrack's own folder of this name there; UserError where nothing says where that would be."""
    folder = user_cache_path("twotrack") / name
    if not folder.is_absolute():
        raise UserError(
            f"cannot tell where your cache folder is, found '{folder}'; set the environment variable XDG_CACHE_HOME, "
            "or HOME, to a folder's whole path."
        )
    return folder
