"""Where files are kept that are made once: the user's cache folder."""

from pathlib import Path

from platformdirs import user_cache_path

from twotrack.shared.errors import UserError


def cache_folder(name: str) -> Path:
    """Return twotrack's own folder of this name there; UserError where nothing says where that would be."""
    try:
        return user_cache_path("twotrack") / name
    except RuntimeError as error:  # of a user without a name and a home, as in many a container
        raise UserError(
            "cannot tell where your home folder is; set the environment variable XDG_CACHE_HOME to the folder in which "
            "to keep what is made once."
        ) from error
