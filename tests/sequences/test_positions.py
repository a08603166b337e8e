"""Sinusoids of positions against the paper's formula."""

from math import cos, sin

import numpy as np

from twotrack.shared.spec.positions import sinusoids


def test_every_entry_is_the_one_of_the_formula():
    table = sinusoids(5, 6)

    for place in range(5):
        for pair in range(3):
            angle = place / 10_000 ** (2 * pair / 6)
            np.testing.assert_allclose(table[place, 2 * pair : 2 * pair + 2], [sin(angle), cos(angle)], rtol=1e-14)


def test_a_shift_turns_every_pair_by_the_same_angle():
    """What makes relative places easy to learn: p(t + k) is a rotation of p(t) that does not depend on t."""
    table = sinusoids(20, 8)
    pairs = table[:, 0::2] + 1j * table[:, 1::2]

    turns = pairs[3:] / pairs[:-3]
    np.testing.assert_allclose(turns, np.broadcast_to(turns[0], turns.shape), atol=1e-12)
