"""Values as they stand in code."""

import re
from typing import Any


def literal(value: Any) -> str:
    """Return a value as code, with double quotes where a text holds none of either."""
    return re.sub(r"'([^'\"\\]*)'", r'"\1"', repr(value))
