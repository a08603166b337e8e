"""Texts as data: stored as they were written, read without their markup, hashed by their characters."""

import html
import json
import re
from collections.abc import Iterable

import numpy as np

TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
"""A tag of HTML begins with a letter: `<br />` is one, `<3` and `a < b` are none."""
_NUMBER = re.compile(r"&#0*([0-9]+)")
_DIGITS = 8
"""As many as a number needs to be beyond every character. Python itself makes no number of 4,300 digits."""


def array(texts: Iterable[str]) -> np.ndarray:
    """Return texts as (examples,) of NumPy's own strings; half a surrogate pair, which is no character, becomes '?'.

    Such an array says that it has a buffer, but that holds addresses: hash `as_bytes` instead.
    """
    return np.array([text.encode(errors="replace").decode() for text in texts], np.dtypes.StringDType())


def is_text(array: np.ndarray) -> bool:
    """Tell texts from numbers."""
    return isinstance(array.dtype, np.dtypes.StringDType)


def as_bytes(texts: np.ndarray) -> bytes:
    """Return bytes that differ for different texts (examples,), or for the same ones divided in another way."""
    return json.dumps(texts.tolist()).encode()


def plain(text: str) -> str:
    """Return the text as a reader sees it: tags become spaces, `&eacute;` and its like the characters meant."""
    return html.unescape(_NUMBER.sub(lambda found: f"&#{found[1][:_DIGITS]}", TAG.sub(" ", text)))
