"""What messages call two sides that are no pair of Keras and torch.

Rungs and causes speak of "Keras" and "torch", which is what the two sides are to most readers. Where they are others,
these two words are put in other words, once, when a comparison is done. What stands in quotes is a name, and stays.
"""

import re
from dataclasses import replace
from typing import TypeVar

from twotrack.shared.spec.sides import Words
from twotrack.shared.verify.diagnosis.cause import Cause
from twotrack.shared.verify.diagnosis.climbing import Diagnosis
from twotrack.shared.verify.diagnosis.picture import Picture
from twotrack.shared.verify.result import Gap, RungResult

_WORDS = re.compile(r"'[\w.#/]+'|\"[^\"]*\"|\b(Keras|torch)\b('s?)?(?![\w.(]|:\w)")
"""A name in quotes; or one of the two words, with what shows possession."""
R = TypeVar("R", RungResult, RungResult | None)


def retold(text: str, words: Words) -> str:
    """Return a message with what the sides are called in place of "Keras" and "torch"."""
    if words.is_mixed:
        return text

    def told(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        name = words.candidate if found[1] == "Keras" else words.reference
        return f"{name}'s" if found[2] else name

    return _WORDS.sub(told, text)


def rung_retold(result: R, words: Words) -> R:
    """Return a result whose message and exceptions call the sides by their names."""
    if result is None or words.is_mixed:
        return result
    gaps = tuple(Gap(gap.kind, gap.where, retold(gap.detail, words)) for gap in result.gaps)
    return replace(result, detail=retold(result.detail, words), gaps=gaps)


def diagnosis_retold(diagnosis: Diagnosis, words: Words) -> Diagnosis:
    """Return causes that call the sides by their names.

    The line for the side that is not changed, and the ledger's entry, are about Keras against torch: there is none.
    """
    if words.is_mixed:
        return diagnosis
    causes = [_cause_retold(cause, words) for cause in diagnosis.causes]
    return Diagnosis(causes, rung_retold(diagnosis.last, words), diagnosis.sides)


def _cause_retold(cause: Cause, words: Words) -> Cause:
    fix = retold(cause.torch_fix, words)
    return replace(cause, what=retold(cause.what, words), torch_fix=fix, keras_fix="", entry=None)


def picture_retold(picture: Picture | None, words: Words) -> Picture | None:
    """Return a picture whose words call the sides by their names."""
    return picture and picture.model_copy(update={"words": retold(picture.words, words)})
