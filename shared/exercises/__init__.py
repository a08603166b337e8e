"""The exercises of every lesson, by their numbers on its page, and how an answer is judged.

The table is light: what measures is imported when an answer is checked.
"""

from twotrack.shared.errors import UserError, unknown
from twotrack.shared.exercises.spec import Exercise
from twotrack.shared.exercises.table import EXERCISES


def exercises(lesson: str) -> tuple[Exercise, ...]:
    """Return the exercises of a lesson, the first first; UserError with the nearest name otherwise."""
    if lesson not in EXERCISES:
        raise unknown("chapter", lesson, EXERCISES)
    return EXERCISES[lesson]


def exercise(lesson: str, number: int) -> Exercise:
    """Return the exercise of a number, from 1 on; UserError if there is none."""
    found = exercises(lesson)
    if not 0 < number <= len(found):
        raise UserError(f"'{lesson}' has exercises 1 to {len(found)}, found {number}.")
    return found[number - 1]
