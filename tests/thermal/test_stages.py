"""Neither the number of ranks nor an interruption changes a bit of trajectories and replicas."""

import os
import signal
import time
import tomllib
from pathlib import Path

import h5py
import numpy as np
import pytest

import dcl_hpc

UNFINISHED = 85
JOB = """\
study = "thermal"
name = "small"
seed = 3
machine = { depth = 3, width = 3, images = 5 }
data.test = 20
dynamics = { steps = 400, waiting = [0, 30], points = 8, temperature = 1e-4 }
samples = { samples = 2, replicas = 2, waiting = 30 }
"""
FILES = ("thermalize/M5-N3-L3.h5", "replicate/M5-N3-L3.h5")
# Both stages; with a pause they save whenever they are asked whether to stop, and take their time for it.
PROGRAM = """\
import sys
import time

from dcl_hpc.pipeline import command
from dcl_hpc.storage.store import Store
from dcl_hpc.thermal.stages import trajectories

pause, *arguments = sys.argv[1:]
commit = Store.commit


def slow(*positional):
    commit(*positional)
    time.sleep(float(pause))


if float(pause):
    Store.commit = slow
    trajectories.COMMIT_SECONDS, trajectories.ASK_SECONDS = 0.0, 0.02
command.main(command.parser("run", ""), "thermalize", "replicate", argv=arguments)
"""
# Tells who makes what, and makes nothing.
SHARED = """\
import os
import sys

from dcl_hpc.pipeline import command, study


def tell(context, output):
    if context.comm.rank == 0:
        # in one piece, since groups tell at the same time
        os.write(1, f"{output} {context.comm.size} {context.run.ranks}\\n".encode())


study.load = lambda function: tell
command.main(command.parser("thermalize", ""), "thermalize", argv=sys.argv[1:])
"""


@pytest.fixture(scope="module")
def start(python, tmp_path_factory):
    """Start both stages in a folder: `start(folder, pause, ranks)`, a process."""
    place = tmp_path_factory.mktemp("program")
    (place / "program.py").write_text(PROGRAM)
    (place / "small.toml").write_text(JOB)

    def begin(folder: Path, pause: float = 0.0, ranks: int = 1):
        return python.start(place / "program.py", pause, place / "small.toml", "--runs", folder, ranks=ranks)

    return begin


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> Path:
    """Folder of the run that one process made without interruption."""
    folder = tmp_path_factory.mktemp("reference")
    return dcl_hpc.start(tomllib.loads(JOB), folder).make("thermalize", "replicate").folder


def committed(path: Path) -> int:
    """Committed steps; 0 while there is no file."""
    if not path.exists():
        return 0
    with h5py.File(path, "r", locking=False) as file:
        return int(file["progress/committed"][0])


def interrupt(process, path: Path, number: int) -> str:
    """Send a signal when the file has got further; its errors."""
    before, end = committed(path), time.monotonic() + 300
    while committed(path) <= before:
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise AssertionError(process.communicate())
        time.sleep(0.005)
    os.kill(process.pid, number)
    return process.communicate(timeout=300)[1]


def contents(path: Path) -> dict[str, bytes]:
    """All data of a complete file; of checkpoints the half that counts."""
    found = {}
    with h5py.File(path, "r") as file:
        done, half = file["progress/committed"][()]
        assert done == file.attrs["total"]

        def look(name, item):
            if isinstance(item, h5py.Dataset) and not name.startswith("progress/"):
                found[name] = (item[half] if name.startswith("checkpoint/") else item[()]).tobytes()

        file.visititems(look)
    return found


@pytest.mark.mpi
def test_ranks_and_interruptions_change_no_bit(start, reference, tmp_path):
    """Stopped in one stage, killed in the other, ended by two ranks: both files are those of one process."""
    paths = [tmp_path / "small" / name for name in FILES]
    err = interrupt(process := start(tmp_path, 0.2), paths[0], signal.SIGTERM)
    assert process.returncode == UNFINISHED, err
    assert 0 < committed(paths[0]) < 400
    interrupt(start(tmp_path, 0.2), paths[1], signal.SIGKILL)
    assert 0 < committed(paths[1]) < 400
    _, err = (process := start(tmp_path, ranks=2)).communicate(timeout=300)
    assert process.returncode == 0, err
    for name in FILES:
        one, two = contents(reference / name), contents(tmp_path / "small" / name)
        assert one.keys() == two.keys() and len(one) > 8
        assert [key for key in one if one[key] != two[key]] == []


def test_trajectories_begin_and_are_correlated_as_they_should(reference):
    """Kept states are those at t_w; correlations with them start there; energies fall after the quench."""
    with h5py.File(reference / FILES[0]) as file:
        times, waiting = file["time/value"][()], file["time/waiting"][()]
        assert waiting.tolist() == [0, 30]
        kept, correlation = file["kept/neurons"][()], file["correlation/neurons"][()]
        weights = file["kept/weights"][:, 1]
        energy = file["energy/potential"][()].sum(axis=2)
    row = int(np.flatnonzero(times == 30)[0])
    for k, t_w in enumerate(waiting):
        assert np.array_equal(np.isnan(correlation[:, 0, k, 0, 0]), times < t_w)
    own = (kept.astype(float) ** 2).mean(axis=(3, 4))  # sample, waiting time, layer
    np.testing.assert_allclose(correlation[row, :, 1, :, 0], own[:, 1], rtol=1e-5)
    np.testing.assert_allclose(correlation[row, ..., 1, :, 1], 1, rtol=1e-5)
    across = (kept[:, 0] * kept[:, 1]).mean(axis=(2, 3))
    np.testing.assert_allclose(correlation[row, :, 0, :, 0], across, rtol=1e-4, atol=1e-6)
    assert (energy[-1] < energy[0]).all()
    with h5py.File(reference / FILES[1]) as file:
        overlap, large = file["overlap/neurons"][()], file["overlap/weights"][()]
        assert file["time/value"][0] == 0 and file["time/value"][-1] == 400
    # all replicas are the kept state at first, and differ later
    np.testing.assert_allclose(
        overlap[0, ..., 0], np.broadcast_to(own[:, 1, None, None], (2, 2, 2, 2)), rtol=1e-5
    )
    last = (weights[:, -6:] ** 2).mean(axis=1)[:, None, None]
    np.testing.assert_allclose(large[0, ..., 2, 0], np.broadcast_to(last, (2, 2, 2)), rtol=1e-5)
    assert (overlap[-1, :, 0, 1, :, 1] < 0.999).any()
    assert np.array_equal(overlap, overlap.swapaxes(2, 3))


@pytest.mark.mpi
def test_ranks_that_one_point_cannot_use_make_others(python, tmp_path):
    """Three ranks for two samples: points are shared out to groups of two ranks and of one."""
    (tmp_path / "shared.py").write_text(SHARED)
    (tmp_path / "small.toml").write_text(JOB + "scan.images = [5, 6, 7]\n")
    done = python(tmp_path / "shared.py", tmp_path / "small.toml", "--runs", tmp_path, ranks=3)
    assert done.returncode == 0, done.stderr
    told = sorted(line.split() for line in done.stdout.splitlines())
    assert [name for name, *_ in told] == [f"thermalize_M{images}-N3-L3" for images in (5, 6, 7)]
    assert sorted(size for _, size, _ in told) == ["1", "2", "2"]
    assert all(size == ranks for _, size, ranks in told)


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("module", "arguments", "ranks", "told"),
    [
        ("thermalize", (), 3, "3 ranks for 2 samples: start at most as many ranks as samples"),
        ("thermalize", ("--set", "machine.images=3000"), 1, "machine.images = 3000"),
        ("replicate", (), 1, "M5-N3-L3.h5 does not exist; first run: python -m dcl_hpc.thermalize"),
        ("observe", (), 1, "observe: this study has no such stage; there are thermalize, replicate, train"),
        ("run", ("--from", "a.npy"), 1, "--from: a study of the kind 'thermal' takes no snapshots"),
    ],
)
def test_wrong_commands_are_told_in_one_line(dcl, tmp_path, module, arguments, ranks, told):
    """Exit code 2 and what is wrong."""
    (tmp_path / "small.toml").write_text(JOB)
    done = dcl(module, *arguments, ranks=ranks, job=tmp_path / "small.toml")
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr
