"""A Slurm of several nodes on this machine, of Debian's packages: downloaded, unpacked and started here, no more.

python -m tests.support.slurm gets the packages; `make test` calls it. Nothing is installed, so nobody has to be root,
but for the lists that apt-get looks names up in where a machine has none yet.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.browser import apt_prefix
from tests.support.command_line import wait_until

PACKAGES = (
    "slurmctld", "slurmd", "slurm-client", "slurm-wlm-basic-plugins", "munge", "libmunge2", "libhwloc15",
)  # fmt: skip
ROOT = Path(__file__).parents[2] / "build/slurm"
LIBRARIES = ROOT / "usr/lib/x86_64-linux-gnu"
NEEDED = f"the tests of clusters need Slurm: expected Debian's packages {', '.join(PACKAGES)} in {ROOT}"
CONFIGURATION = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/none
CredType=cred/none
PluginDir={libraries}/slurm-wlm
StateSaveLocation={folder}/state
SlurmUser={user}
SlurmdUser={user}
SlurmctldPidFile={folder}/slurmctld.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,sched_min_interval=100000,bf_interval=2
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
KillWait=5
MinJobAge=3600
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdSpoolDir={folder}/spool-%n
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdParameters=config_overrides
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def get() -> None:
    """Download and unpack the packages; CalledProcessError or OSError if that cannot be."""
    part = ROOT.with_name("slurm.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        _download(part)
    except subprocess.CalledProcessError:  # no lists yet
        subprocess.run([*(apt_prefix() or ()), "apt-get", "-qq", "update"], check=True)
        _download(part)
    for package in part.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, part], check=True)
        package.unlink()
    shutil.rmtree(ROOT, ignore_errors=True)
    part.rename(ROOT)


def _download(folder: Path) -> None:
    quiet = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *PACKAGES]
    subprocess.run(quiet, cwd=folder, check=True, stdout=sys.stderr)


def is_there() -> bool:
    return (ROOT / "usr/sbin/slurmctld-wlm").is_file()


def environment(folder: Path) -> dict[str, str]:
    """Return what programs of Slurm need, with the configuration in `folder`."""
    return {
        "PATH": f"{ROOT / 'usr/bin'}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": f"{LIBRARIES}:{LIBRARIES / 'slurm-wlm'}",
        "SLURM_CONF": str(folder / "slurm.conf"),
    }


class Slurm:
    """A controller and nodes n1, n2, ...; leaving the block ends all, jobs included."""

    def __init__(self, folder: Path, nodes: int = 2, cpus: int = 1):
        if not is_there():
            pytest.fail(f"{NEEDED}, found none; `make slurm` gets them")
        self.folder, self.environment = folder, environment(folder)
        self._names = [f"n{number + 1}" for number in range(nodes)]
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "state").mkdir()
        ports = _free_ports(nodes + 1)
        host = socket.gethostname()
        lines = [
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory=8000"
            for name, port in zip(self._names, ports[1:], strict=True)
        ]
        user = psutil.Process().username()
        (folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                host=host, port=ports[0], libraries=LIBRARIES, folder=folder, user=user, nodes="\n".join(lines)
            )
        )

    def __enter__(self) -> "Slurm":
        self._start("slurmctld", "-D", "-c")
        for name in self._names:
            self.start_node(name)
        try:
            wait_until(lambda: self.ask("sinfo", "-h", "-o", "%D %t") == f"{len(self._names)} idle", "all nodes idle")
        except BaseException:  # Ctrl-C too: no daemon stays
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._names:
            self.kill_node(name)
        for daemon in self._daemons.values():
            daemon.kill()
            daemon.wait()

    def start_node(self, name: str) -> None:
        self._start("slurmd", "-D", "-N", name, "-d", str(ROOT / "usr/sbin/slurmstepd-wlm"), key=name)

    def _start(self, program: str, *words: str, key: str = "controller") -> None:
        with (self.folder / f"{key}.log").open("w") as log:
            self._daemons[key] = subprocess.Popen(
                [ROOT / f"usr/sbin/{program}-wlm", *words, "-f", self.folder / "slurm.conf"],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ask(self, *words: str) -> str:
        done = subprocess.run(
            words, env={**os.environ, **self.environment}, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def stop_controller(self) -> None:
        daemon = self._daemons.pop("controller")
        daemon.kill()
        daemon.wait()

    def kill_node(self, name: str) -> None:
        """Let a node die as by a power cut: its daemon, what steps jobs, and all jobs on it."""
        if daemon := self._daemons.pop(name, None):
            daemon.kill()
            daemon.wait()
        for process in list(self.on_node(name)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def on_node(self, name: str) -> Iterator[psutil.Process]:
        """Yield the processes of a node's jobs, and those of Slurm that look after them."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                own = process.environ()
                if own.get("SLURMD_NODENAME") == name and own.get("SLURM_CONF") == self.environment["SLURM_CONF"]:
                    yield from (one for one in process.parents() if "slurmstepd" in one.name())
                    yield process


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def main() -> int:
    """Make sure of the packages; without them, say what is missing, which is an error where CI is set."""
    if is_there():
        return 0
    print("getting Slurm's packages with apt-get, for the tests of clusters", file=sys.stderr)
    try:
        get()
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"{NEEDED}; apt-get download could not get them: {error}", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
