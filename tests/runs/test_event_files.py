"""Event files hold what the workers report, under the same tags for every track, as TensorBoard itself reads them."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.events import scalars
from tests.support.runs import record_of
from twotrack.shared.errors import UserError
from twotrack.shared.runs import event_files
from twotrack.shared.runs.records import Job
from twotrack.shared.workers.messages import Progress

REPORTS = [
    Progress("started"),
    Progress("training", {"step": 2, "losses": [3.0, 2.0], "learning_rates": [0.1, 0.2]}),
    Progress("training", {"step": 3, "losses": [1.0], "learning_rates": [0.3]}),
    Progress("validating"),
    Progress("epoch", {"validation_loss": 0.75, "validation_metric": 0.5}),
    Progress("training", {"step": 4, "losses": [0.5], "learning_rates": [0.4]}),
    Progress("epoch", {"validation_loss": 0.25, "validation_metric": 0.875}),
    Progress("finished"),
]


def job(folder: Path, track: str, seed: int = 0) -> Job:
    name = f"{track.replace(':', '-')}_{seed}"
    return record_of(folder / name, track, seed).job


def test_every_step_and_epoch_is_a_point_at_its_training_step(tmp_path: Path):
    with event_files.event_files(tmp_path / "logs") as hear:
        for progress in REPORTS:
            hear(job(tmp_path, "torch", seed=3), progress)

    found = scalars(tmp_path / "logs" / "torch_seed3")

    assert found.keys() == {"loss/train", "learning_rate", "loss/validation", "accuracy/validation"}
    assert found["loss/train"] == [(1, 3.0), (2, 2.0), (3, 1.0), (4, 0.5)]
    assert [step for step, _ in found["learning_rate"]] == [1, 2, 3, 4]
    np.testing.assert_allclose([value for _, value in found["learning_rate"]], [0.1, 0.2, 0.3, 0.4], rtol=1e-7)
    assert found["loss/validation"] == [(3, 0.75), (4, 0.25)]
    assert found["accuracy/validation"] == [(3, 0.5), (4, 0.875)]


def test_what_is_written_can_be_read_while_training_goes_on(tmp_path: Path):
    with event_files.event_files(tmp_path / "logs") as hear:
        hear(job(tmp_path, "torch"), REPORTS[1])

        assert scalars(tmp_path / "logs" / "torch_seed0")["loss/train"] == [(1, 3.0), (2, 2.0)]


def test_runs_have_folders_of_their_own_with_the_same_tags(tmp_path: Path):
    with event_files.event_files(tmp_path / "logs") as hear:
        for track, seed in (("torch", 0), ("torch", 1), ("keras:jax", 0)):
            for progress in REPORTS:
                hear(job(tmp_path, track, seed), progress)

    folders = sorted((tmp_path / "logs").iterdir())
    assert [folder.name for folder in folders] == ["keras-jax_seed0", "torch_seed0", "torch_seed1"]
    assert scalars(folders[0]) == scalars(folders[1]) == scalars(folders[2])


def test_a_run_that_is_done_again_replaces_its_curves(tmp_path: Path):
    for losses in ([9.0, 9.0], [3.0, 2.0]):
        with event_files.event_files(tmp_path / "logs") as hear:
            hear(job(tmp_path, "torch"), Progress("training", dict(REPORTS[1].figures) | {"losses": losses}))
        (written,) = (tmp_path / "logs" / "torch_seed0").iterdir()
        written.rename(written.with_name(f"{event_files.PREFIX}{losses[0]:.0f}.earlier"))

    assert scalars(tmp_path / "logs" / "torch_seed0")["loss/train"] == [(1, 3.0), (2, 2.0)]


def test_without_the_package_the_line_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_files, "find_spec", lambda name: None)

    with pytest.raises(UserError, match=r"needs the package tensorboard.*run: pip install .*\[tensorboard\]"):
        event_files.require_installed()
