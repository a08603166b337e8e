"""Keras against Keras: two build functions, two backends, and an environment in which torch cannot be imported."""

import os
import subprocess
import sys
from pathlib import Path

from tests.sides.climbing import climb
from tests.support.ladders import SharedLadder
from twotrack.shared.verify.diagnosis.cause import Status

PAIRS, ROOT = "keras_pairs", Path(__file__).parents[2]
TORCH = ("keras:torch",)


def test_two_build_functions_are_one_model_under_other_names(ladder: SharedLadder) -> None:
    result, text = climb(ladder, f"{PAIRS}:RENAMED", TORCH)
    assert (result.passed, result.rungs[-1].rung, result.certificate.gaps) == (True, "training", ())
    assert f"{PAIRS}:RENAMED: keras:torch (before) against keras:torch (renamed)" in text


def test_without_a_torch_side_a_failure_has_its_place_and_both_sides_settings_and_no_cause(
    ladder: SharedLadder,
) -> None:
    result, text = climb(ladder, f"{PAIRS}:EPSILON", TORCH, until="forward", causes="all")
    (cause,) = result.diagnosis.causes
    assert (result.rungs[-1].where, cause.status) == ("stem_norm", Status.UNKNOWN)
    assert "cause 1, unknown, of forward at 'stem_norm': causes are looked for on torch's side; there is none" in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "epsilon keras:torch (other_epsilon) 1e-05 keras:torch (before) 0.001" in lines


def test_a_model_that_is_another_one_on_another_backend_fails_at_its_layer(ladder: SharedLadder) -> None:
    result, text = climb(ladder, f"{PAIRS}:DIFFERS", ("keras:torch", "keras:jax"), until="forward")
    assert (result.track, result.words.reference) == ("keras:jax", "keras:torch")
    assert (result.passed, result.rungs[-1].where) == (False, "stem_norm")
    assert "run alone on keras:torch's inputs" in text


WITHOUT_TORCH = '''
"""Every process of this environment fails to import torch."""
import importlib.abc
import sys


class NoTorch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, NoTorch())
'''


def test_two_backends_are_compared_where_torch_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WITHOUT_TORCH)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])}
    code = (
        "import twotrack; "
        "found = twotrack.verify('tests.sides.keras_pairs:ALONE', tracks=['keras:tensorflow', 'keras:jax']); "
        "print(found.passed, [(one.track, one.words.reference, one.rungs[-1].rung) for one in found.tracks])"
    )
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ran.stdout == "True [('keras:jax', 'keras:tensorflow', 'training')]\n", ran.stderr
