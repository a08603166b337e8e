"""What a verdict costs beside what it looks at: imports that it has no use for, copies of a whole weight."""

import subprocess
import sys

import numpy as np
import pytest

from twotrack.shared.verify import keeping
from twotrack.shared.verify.digests import digest
from twotrack.shared.verify.drawn_weights import start_of
from twotrack.shared.verify.starts import same_distribution

VERDICT = "twotrack.shared.verify.ladder, twotrack.shared.report.ladder, twotrack.shared.report.ladder_text"


def test_a_verdict_imports_neither_scipy_nor_scikit_learn() -> None:
    told = f"import sys, {VERDICT}; print(sorted({{'scipy', 'sklearn', 'jinja2'}} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-P", "-c", told], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_digest_taken_in_parts_is_that_of_the_whole_weight(monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    weight = np.asarray(np.random.default_rng(0).normal(size=(70, 600)), order=order)
    monkeypatch.setattr(keeping, "PART", 6_000)  # ten rows
    found = keeping.digested_weights({"kernel": weight})["kernel"]
    whole = digest(np.ascontiguousarray(weight), 70)
    assert whole is not None
    np.testing.assert_allclose(found, whole, rtol=1e-12, atol=1e-12)


def test_laws_of_which_one_goes_farther_are_told_apart() -> None:
    generator = np.random.default_rng(0)
    narrow, broad = (start_of(generator.uniform(-limit, limit, (50, 50))) for limit in (0.1, 0.2))
    assert not same_distribution(narrow, broad)
    assert same_distribution(narrow, start_of(generator.uniform(-0.1, 0.1, (50, 50))))
