"""How large a log may be, so that a wrong file does not fill the memory."""

from pathlib import Path

from twotrack.shared.errors import UserError

MEBIBYTE = 2**20
LARGEST_TEXT = 512 * MEBIBYTE
LARGEST_SETTINGS = 4 * MEBIBYTE
MOST_SERIES = 10_000


def require_readable(path: Path, limit: int = LARGEST_TEXT) -> None:
    """Raise UserError for what is no regular file, or larger than `limit` bytes."""
    if not path.is_file():
        raise UserError(f"'{path}' is no regular file; expected a log.")
    size = path.stat().st_size
    if size > limit:
        raise UserError(
            f"'{path}' has {size / MEBIBYTE:,.0f} MiB; expected a log of at most {limit / MEBIBYTE:,.0f} MiB: "
            "keep the scalars only."
        )
    if size == 0:
        raise UserError(f"'{path}' is empty; expected a log.")


def require_few(path: Path, count: int) -> None:
    """Raise UserError if a log has more series than a log of metrics has."""
    if count > MOST_SERIES:
        raise UserError(f"'{path}' has {count:,} columns; expected a log of at most {MOST_SERIES:,} metrics.")
