"""One architecture, measured as the command measures it: what stands in the atlas is what is found here."""

from pathlib import Path

from tests.support.command_line import in_process
from twotrack.shared.atlas.record import Atlas
from twotrack.shared.report import atlas as report
from twotrack.shared.workers.pool import WorkerPool


def test_phi3_differs_by_its_epsilon_until_that_is_aligned(workers: WorkerPool, tmp_path: Path):
    done = in_process("atlas", "phi3", "--until", "forward", "--out", "page.md", folder=tmp_path, workers=workers)

    (entry,) = report.read(tmp_path / "page.json").entries
    (published,) = entry.published.climbs.values()
    (aligned,) = entry.aligned.climbs.values()
    assert [rung.passed for rung in published.rungs] == [True, True, False]
    assert {cause.status for cause in published.causes} == {"proved"}
    assert "epsilon is 1e-06 in Keras and 1e-05 in torch" in published.causes[0].what
    assert all(rung.passed for rung in aligned.rungs)
    assert aligned.rungs[-1].rung == "forward"
    assert "| FAIL at forward |" in (tmp_path / "page.md").read_text()
    assert "Phi-3" in done.stdout


def test_an_architecture_that_an_installed_library_lacks_is_told_and_stops_nothing(
    workers: WorkerPool, tmp_path: Path, monkeypatch
):
    from dataclasses import replace

    from twotrack.shared.atlas import architectures, measuring

    gone = replace(architectures.ARCHITECTURES["phi3"], title="Gone")
    monkeypatch.setattr("twotrack.shared.atlas.architectures.reference", lambda name, which: "nowhere:PAIR")
    monkeypatch.setitem(architectures.ARCHITECTURES, "phi3", gone)

    entry = measuring.measure("phi3", ["keras:torch"], workers, lambda track, phase: None, "parameters")

    assert "nowhere" in entry.published.error
    assert report.verdict(entry.published) == "not run"
    report.page(Atlas(setting=measuring.setting(["keras:torch"]), entries=[entry]))
