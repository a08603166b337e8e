"""A unit's file gives the right to do it: to one at a time, and to nobody once it was taken back."""

import fcntl
import json
import socket
from dataclasses import replace
from pathlib import Path
from subprocess import CalledProcessError, TimeoutExpired

import pytest

from tests.support.command_line import in_process
from twotrack.shared.engines import node
from twotrack.shared.engines.splitting import split
from twotrack.shared.engines.standing import Standing
from twotrack.shared.engines.telling import AT_WORK, SEEN, Hearer, Teller, Told
from twotrack.shared.errors import UserError
from twotrack.shared.runs import plans
from twotrack.shared.runs.comparison import TrainingRequest, plan, run_name
from twotrack.shared.runs.records import Job
from twotrack.shared.runs.software import software
from twotrack.shared.runs.units import Unit, UnitFile, take_back_all, unit_file
from twotrack.shared.workers.messages import Progress

REQUEST = TrainingRequest("neuron", ("torch", "keras:torch"), (0, 1, 2), device="cpu")


def jobs_in(folder: Path) -> list[Job]:
    return plan(REQUEST, lambda track, seed: folder / run_name(track, seed))


def given_out(folder: Path, jobs: list[Job], name: str = "unit") -> UnitFile:
    file = unit_file(folder, name)
    file.write(Unit(submission="twotrack-before", software=software(), threads=1, jobs=jobs))
    return file


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A comparison of six runs whose command was killed when it had given out one unit of two runs."""
    with plans.begin(jobs_in(tmp_path), REQUEST):
        content = (tmp_path / plans.PLAN).read_text()
    (tmp_path / plans.PLAN).write_text(content)
    given_out(tmp_path, jobs_in(tmp_path)[:2])
    return tmp_path


def test_one_at_a_time_holds_a_unit(begun: Path):
    file = unit_file(begun, "unit")

    with file.held() as first:
        assert first is not None
        assert file.is_held()
        assert not file.take_back()
        with file.held(0.2) as second:
            assert second is None
    assert not file.is_held()


def test_a_unit_that_was_taken_back_is_done_by_nobody(begun: Path):
    file = unit_file(begun, "unit")
    with file.path.open("r+") as late:  # a node that has opened it, and does not hold it yet
        assert file.take_back()
        fcntl.flock(late, fcntl.LOCK_EX | fcntl.LOCK_NB)

    with file.held() as stream:
        assert stream is None


def test_who_opened_a_unit_before_it_was_written_anew_does_not_hold_the_new_one(
    begun: Path, monkeypatch: pytest.MonkeyPatch
):
    file = unit_file(begun, "unit")
    opened, another = Path.open, given_out(begun, [], "another")

    def open_late(path: Path, *words: str, **named: str) -> object:
        stream = opened(path, *words, **named)
        if path == file.path:
            another.path.replace(path)
        return stream

    monkeypatch.setattr(Path, "open", open_late)
    with file.held() as stream:
        assert stream is None


def test_a_node_tells_what_it_sees_of_a_file_that_is_held_and_of_one_that_is_not(tmp_path: Path):
    file = given_out(tmp_path, [])
    told = Hearer(file.progress)

    with file.held():
        node.work(file, "n1")
    node.work(file, "n2")

    assert told.news() == [
        Told("", Progress(SEEN, {"node": name, "locked": locked})) for name, locked in (("n1", True), ("n2", False))
    ]


def test_what_is_told_is_heard_once_and_only_when_its_line_has_an_end(tmp_path: Path):
    file = tmp_path / "told"
    hearer = Hearer(file)
    assert hearer.news() == []

    first = Told("torch_seed0", Progress("epoch", {"loss": float("inf")}))
    Teller(file).tell(first)
    with file.open("a") as stream:
        stream.write('{"run": "", "progress": {"phase": "at work"')
        stream.flush()
        assert hearer.news() == [first]
        stream.write(', "figures": {"node": "n1"}}}\n')

    assert hearer.news() == [Told("", Progress(AT_WORK, {"node": "n1"}))]
    assert hearer.news() == []


def test_a_comparison_goes_on_without_what_nodes_are_at_work_on(begun: Path):
    jobs = jobs_in(begun)
    partial = begun / ".torch_seed0.partial"
    partial.mkdir()

    with unit_file(begun, "unit").held(), plans.resume(jobs, pytest.fail, adopts=True) as todo:
        assert [job.folder.name for job in todo.left.jobs()] == ["torch_seed0", "torch_seed1"]
        assert todo.left.submissions == {"twotrack-before"}
        assert partial.exists(), "it is a node's"
    with plans.resume(jobs, pytest.fail, adopts=True) as todo:
        assert todo.left.jobs() == []
        assert not partial.exists()
    assert not unit_file(begun, "unit").path.exists(), "nobody was at work on it, so it was taken back"


def test_this_machine_does_not_go_on_while_nodes_are_at_work(begun: Path):
    message = "nodes of a cluster hold 1 units of it; wait"
    resumed = plans.resume(jobs_in(begun), pytest.fail)
    with unit_file(begun, "unit").held(), pytest.raises(UserError, match=message), resumed:
        pytest.fail("it must not begin")


def test_units_are_taken_back_but_for_those_that_are_held(tmp_path: Path):
    held, free = (given_out(tmp_path, [], name) for name in ("held", "free"))

    with held.held():
        left = take_back_all(tmp_path)

    assert left.at_work == (held,)
    assert not free.path.exists()


@pytest.mark.parametrize(
    ("width", "seeds_per_job", "expected"),
    [
        (1, None, [[0, 1, 2], [0, 1, 2]]),
        (2, None, [[0, 1], [2], [0, 1], [2]]),
        (50, None, [[0], [1], [2], [0], [1], [2]]),
        (50, 2, [[0, 1], [2], [0, 1], [2]]),
    ],
)
def test_a_unit_is_a_part_of_one_tracks_seeds_so_that_nodes_stay_busy(
    tmp_path: Path, width: int, seeds_per_job: int | None, expected: list[list[int]]
):
    units = split(jobs_in(tmp_path), width, seeds_per_job)

    assert [[job.seed for job in unit] for unit in units] == expected
    assert all(len({job.track for job in unit}) == 1 for unit in units)


def test_a_node_with_other_software_refuses_the_unit(tmp_path: Path):
    file = unit_file(tmp_path, "unit")
    other = software().model_copy(update={"packages": {**software().packages, "numpy": "1.0"}})
    file.write(Unit(submission="twotrack-before", software=other, threads=1, jobs=jobs_in(tmp_path)[:1]))

    assert node.work(file, "n1") == 2

    (refused,) = [told.progress for told in Hearer(file.progress).news() if told.progress.phase == "refused"]
    assert "other software: expected numpy 1.0, found 2" in refused.figures["message"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--gpus", "1"), "--gpus is of --engine slurm or ray"),
        (("--engine", "slurm", "--address", "auto"), "--address is of --engine ray"),
        (("--engine", "ray", "--time", "30"), "--time is of --engine slurm"),
        (("--engine", "moon"), "--engine: expected local, slurm or ray, found 'moon'."),
        (("--engine", "ray", "--memory", "much"), "--memory: expected a size such as 500M or 4G, found 'much'."),
        (("--engine", "ray", "--cpus", "0"), "--cpus: expected 1 or more, found 0."),
        (("--engine", "ray", "--address", "here"), "--address: expected HOST:PORT or auto, found 'here'."),
        (("--engine", "ray", "--address", "127.0.0.1:9"), "--address 127.0.0.1:9: expected a cluster of Ray"),
    ],
    ids=" ".join,
)
def test_what_an_engine_cannot_do_is_one_message_and_nothing_is_submitted(
    tmp_path: Path, options: tuple[str, ...], message: str
):
    done = in_process("compare", "neuron", *options, folder=tmp_path, check=False)

    assert done.code == 2
    assert message in done.error_line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("engine", "module", "message"),
    [
        ("ray", "twotrack.shared.engines.ray_cluster", "needs the package ray, not installed here; run: pip install"),
        ("slurm", "twotrack.shared.engines.slurm", "needs the package submitit, not installed here; run: pip install"),
    ],
)
def test_an_engine_whose_package_is_not_installed_is_refused(
    tmp_path: Path, engine: str, module: str, message: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(f"{module}.find_spec", lambda name: None)

    done = in_process("sweep", "--chapters", "neuron", "--engine", engine, folder=tmp_path, check=False)

    assert done.code == 2
    assert message in done.error_line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("ended", "message"),
    [
        (TimeoutExpired("ray", 30.0), "does not answer: what listens there says nothing to Ray in 30 s; "),
        (
            CalledProcessError(1, "ray", stderr="...\nray.exceptions.RpcError: Method not found!\n"),
            "Method not found!; ",
        ),
        (CalledProcessError(1, "ray", stderr="ray.exceptions.AuthenticationError: ...\n"), "set RAY_AUTH_MODE=token"),
    ],
    ids=["another service", "another of Ray's ports", "token"],
)
def test_what_listens_at_the_address_and_is_no_cluster_for_us_is_refused(
    tmp_path: Path, ended: Exception, message: str, monkeypatch: pytest.MonkeyPatch
):
    def status(words: list[str], **_: object) -> None:
        assert words[-2:] == ["--address", address]
        raise ended

    monkeypatch.setattr("twotrack.shared.engines.ray_cluster.subprocess.run", status)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        command = ("compare", "neuron", "--engine", "ray", "--address", address)
        done = in_process(*command, folder=tmp_path, check=False)

    assert done.code == 2
    assert message in done.error_line
    assert list(tmp_path.iterdir()) == []


def test_units_of_a_sweep_are_told_apart_by_what_is_varied(tmp_path: Path):
    asked = replace(REQUEST, recipe="classic", settings={"learning_rate": "0.1"})
    (job, *_) = plan(asked, lambda track, seed: tmp_path / run_name(track, seed))

    assert Standing(unit_file(tmp_path, "unit"), [job]).title == "neuron torch seed 0, classic, learning_rate=0.1"


def test_slurm_without_sbatch_on_path_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    done = in_process("compare", "neuron", "--engine", "slurm", folder=tmp_path, check=False)

    assert done.code == 2
    assert "expected Slurm's program sbatch on PATH, found none" in done.error_line
    assert list(tmp_path.iterdir()) == []


def test_a_unit_is_data_and_says_nothing_but_what_is_to_be_done(begun: Path):
    content = json.loads(unit_file(begun, "unit").path.read_text())

    assert set(content) == {"submission", "software", "threads", "jobs"}
