"""A Slurm cluster of virtual nodes for tests, started once and ended with them."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import h5py
import pytest

ROOT = Path(__file__).resolve().parents[2]
NODES = 3
PACKAGES = {"slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client", "munged": "munge"}
# Slurm's PMIx plugin opens libpmix.so, which Debian has in the package for developers.
PMIX = "libpmix-dev"
POLICY = Path("/usr/sbin/policy-rc.d")
NO_SERVICES = "#!/bin/sh\nexit 101\n"


class Cluster:
    """The clients' side of tests/slurm/lab.sh."""

    def __init__(self, folder: Path):
        self.folder = folder
        script = Path(__file__).with_name("lab.sh")
        self._lab = subprocess.Popen(
            [script, folder, str(NODES), str(_free_ports(NODES + 1))],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SBATCH_", "OMPI_"))}
        # virtual nodes reach each other by the loopback interface, also without a network
        self.environment = {
            **inherited, "SLURM_CONF": str(folder / "slurm.conf"), "OMPI_MCA_btl_tcp_if_include": "lo",
        }  # fmt: skip
        self.wait(
            lambda: self("sinfo", "-h", "-N", "-p", "all", "-o", "%T").stdout.split() == ["idle"] * NODES
        )

    def __call__(self, *command, **environment) -> subprocess.CompletedProcess:
        """Run a command that may talk to the cluster."""
        return subprocess.run(
            [str(part) for part in command], cwd=ROOT, env={**self.environment, **environment},
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip

    def sbatch(self, *arguments, **environment) -> str:
        """Id of a new job."""
        done = self("sbatch", "--parsable", *arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def job(self, job: str, field: str) -> str:
        """What Slurm says of a job."""
        return re.search(rf"\b{field}=(\S*)", self("scontrol", "-o", "show", "job", job).stdout)[1]

    def end(self, job: str, seconds: float = 200) -> str:
        """State of a job when it has ended."""
        going = ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "RESIZING")
        self.wait(lambda: self.job(job, "JobState") not in going, seconds)
        return self.job(job, "JobState")

    def wait(self, condition, seconds: float = 90) -> None:
        """Return when a condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            if self._lab.poll() is not None or time.monotonic() > end:
                raise AssertionError(self._state())
            time.sleep(0.1)

    def _state(self) -> str:
        """Jobs, nodes and the ends of all daemons' logs."""
        said = [self(*command).stdout for command in (("squeue", "--states=all"), ("sinfo", "-N", "-l"))]
        for path in sorted(self.folder.glob("log/*")):
            said += [f"--- {path.name}", *path.read_text(errors="replace").splitlines()[-25:]]
        return "\n".join(said)

    def ranks(self, job: str) -> dict[int, int]:
        """Process id, as seen from here, of each rank of a job."""
        result = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "environ").read_bytes().split(b"\0")
                program = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            named = dict(word.split(b"=", 1) for word in words if b"=" in word)
            if (
                named.get(b"SLURM_JOB_ID") == job.encode()
                and b"SLURM_PROCID" in named
                and b"-m\0dcl" in program
            ):
                result[int(named[b"SLURM_PROCID"])] = int(entry.name)
        return result

    def power(self, action: str, node: str) -> None:
        """Cut the power of a node, or switch it on."""
        self._lab.stdin.write(f"{action} {node}\n")
        self._lab.stdin.flush()

    def close(self) -> None:
        """End the cluster and everything on it."""
        self._lab.stdin.close()
        self._lab.wait(30)


def _free_ports(n: int) -> int:
    """First of n neighbouring ports that are free."""
    for first in range(23000, 32000, n):
        try:
            for port in range(first, first + n):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise OSError("no free ports")


def _install() -> str:
    """Install what is missing of Slurm; why that failed, or nothing."""
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if not list(Path("/usr/lib").glob("*/libpmix.so")) and not list(
        Path("/usr/lib").glob("*/pmix2/lib/libpmix.so")
    ):
        missing.append(PMIX)
    if not missing:
        return ""
    if shutil.which("apt-get") is None:
        return f"no apt-get to install {' '.join(missing)}"
    keep_stopped = not POLICY.exists()  # Debian starts the services that it installs
    if keep_stopped:
        POLICY.write_text(NO_SERVICES)
        POLICY.chmod(0o755)
    try:
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
            done = subprocess.run(
                ["apt-get", *command], env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                capture_output=True, text=True,
            )  # fmt: skip
        return f"apt-get: {done.stderr.strip()[-200:]}" if done.returncode else ""
    finally:
        if keep_stopped:
            POLICY.unlink()


@pytest.fixture(scope="session")
def cluster():
    """A running cluster of virtual nodes."""
    if os.geteuid() != 0:
        pytest.skip("needs root to start a Slurm cluster of virtual nodes")
    trial = ["unshare", "--uts", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    if shutil.which("unshare") is None or subprocess.run(trial, capture_output=True).returncode:
        pytest.skip("needs unshare and the right to make namespaces (CAP_SYS_ADMIN)")
    if problem := _install():
        pytest.skip(f"needs Slurm: {problem}")
    with tempfile.TemporaryDirectory(prefix="dcl-slurm-", ignore_cleanup_errors=True) as folder:
        running = Cluster(Path(folder))
        try:
            yield running
        finally:
            running.close()


def _data(path) -> dict[str, bytes]:
    """All data of a file but the time that it took; of checkpoints the half that counts."""
    result = {}
    with h5py.File(path, "r", locking=False) as file:
        half = file["progress/committed"][1]

        def look(name, item):
            if isinstance(item, h5py.Dataset) and not name.startswith("progress/"):
                result[name] = (item[half] if name.startswith("checkpoint/") else item[()]).tobytes()

        file.visititems(look)
        result["total"] = bytes(file["progress/committed"][0] == file.attrs["total"])
    return result


@pytest.fixture(scope="session")
def data():
    """Read the bits of a file: `data(path)`."""
    return _data
