"""Realizations of an ensemble are shared out to groups of ranks."""

import json
import shutil
import signal
import time

import h5py
import numpy as np
import pytest

import dcl_hpc

SCRIPT = """\
import json, sys, time
from dcl_hpc.cluster import mpi
from dcl_hpc.cluster.groups import share_out
from dcl_hpc.cluster.signals import Stopped, StopRequest
from dcl_hpc.errors import UserError


def main(comm):
    case = sys.argv[1]
    stop = StopRequest()

    def work(item, group, number):
        began = time.time()
        if case == "one_fails" and item == 1:
            raise UserError.everywhere("item 1 is bad")
        if case == "one_is_stopped" and item == 1:
            raise Stopped
        time.sleep(0.3 * (item == 0))
        if group.rank == 0:
            with open(f"{sys.argv[2]}/{item}", "x") as file:
                json.dump({"group": number, "size": group.size, "began": began, "ended": time.time()}, file)

    try:
        failures = share_out(comm, range(5), work, stop, first_alone=case == "first_alone")
    except Stopped:
        return 85
    if comm.rank == comm.size - 1:
        print(failures)


mpi.run(main)
"""


@pytest.fixture
def share(python, tmp_path):
    """Share five items out: `share(case, ranks)` gives the end and what was done with each item."""
    script = tmp_path / "share.py"
    script.write_text(SCRIPT)

    def run(case, ranks):
        folder = tmp_path / f"{case}_{ranks}"
        folder.mkdir()
        done = python(script, case, folder, ranks=ranks)
        return done, {int(path.name): json.loads(path.read_text()) for path in folder.iterdir()}

    return run


@pytest.mark.mpi
@pytest.mark.parametrize(("ranks", "sizes"), [(1, [1] * 5), (2, [1] * 5), (7, [2, 1, 2, 1, 1])])
def test_every_item_is_worked_on_once(share, ranks, sizes):
    """Groups are as many as ranks, or as items; their sizes differ by at most one."""
    done, items = share("all", ranks)
    assert done.returncode == 0, done.stderr
    groups = min(ranks, 5)
    assert [items[k]["group"] for k in range(5)] == [k % groups for k in range(5)]
    assert [items[k]["size"] for k in range(5)] == sizes


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_failure_spares_the_others(share, ranks):
    """All other items are worked on; all ranks learn of the error."""
    done, items = share("one_fails", ranks)
    assert done.returncode == 0 and sorted(items) == [0, 2, 3, 4]
    assert done.stdout.strip() == "{1: 'item 1 is bad'}"


@pytest.mark.mpi
def test_a_stop_is_everybodys(share):
    """One group is stopped: the others end what they have, and the command is unfinished."""
    done, items = share("one_is_stopped", 2)
    assert done.returncode == 85, done.stderr
    assert sorted(items) == [0, 2, 4]


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_first_alone(share, ranks):
    """No other item begins before the first one has ended."""
    done, items = share("first_alone", ranks)
    assert done.returncode == 0, done.stderr
    assert sorted(items) == list(range(5))
    assert all(items[k]["began"] >= items[0]["ended"] for k in range(1, 5))


def bits(path) -> dict[str, bytes]:
    """All data of a file but its progress and checkpoints."""
    result = {}
    with h5py.File(path, "r") as file:

        def look(name, item):
            if isinstance(item, h5py.Dataset) and not name.startswith(("progress/", "checkpoint/")):
                result[name] = item[()].tobytes()

        file.visititems(look)
    return result


@pytest.mark.mpi
def test_ensemble_is_its_single_realizations(dcl, glass_file, runs, tmp_path):
    """Whatever the groups, each realization has the bits of a job of its own; they differ from each other."""
    files = ("observations.h5", "sweeps/true_4x4.h5")
    true_alone = ("--set", 'sweep.energies=["true"]')
    whole = {}
    for ranks in (1, 3):
        folder = tmp_path / f"runs{ranks}"
        for stage in ("observe", "sweep"):
            done = dcl(stage, *true_alone, job=glass_file, folder=folder, ranks=ranks)
            assert done.returncode == 0, done.stderr
        whole[ranks] = [bits(folder / "glass" / f"realization_{k}" / f) for k in (5, 3) for f in files]
    assert whole[1] == whole[3]
    assert whole[1][0]["observations/states/value"] != whole[1][2]["observations/states/value"]
    one = 'hamiltonian={kind = "edwards_anderson", instance = 3}'
    for stage in ("observe", "sweep"):
        assert dcl(stage, *true_alone, "--set", one, job=glass_file).returncode == 0
    assert [bits(runs / "glass" / f) for f in files] == whole[1][2:]


@pytest.mark.mpi
def test_stopped_ensemble_goes_on(python, dcl, glass_file, runs, tmp_path):
    """Asked to stop, all groups save; the same command, on one rank, ends with the same bits."""
    long = ("--set", 'sweep.energies=["true"]', "--set", "sweep.sweeps=8000")
    process = python.start("-m", "dcl_hpc.sweep", glass_file, "--runs", runs, *long, ranks=2)
    files = [runs / "glass" / f"realization_{k}" / "sweeps" / "true_4x4.h5" for k in (5, 3)]
    while process.poll() is None and not all(file.exists() for file in files):
        time.sleep(0.05)
    process.send_signal(signal.SIGUSR1)  # mpiexec hands it to all ranks
    out, err = process.communicate(timeout=120)
    assert process.returncode == 85, err
    assert "stopped; start the same command again to go on" in out
    with h5py.File(files[0], "r") as file:
        assert file["progress/committed"][0] < file.attrs["total"]
    assert dcl("sweep", *long, job=glass_file).returncode == 0
    assert dcl("sweep", *long, job=glass_file, folder=tmp_path / "whole").returncode == 0
    for file in files:
        assert bits(file) == bits(tmp_path / "whole" / file.relative_to(runs))


@pytest.mark.mpi
def test_groups_train_by_themselves(dcl, glass_file, runs, tmp_path):
    """Groups of two ranks and of one train what one process trains, to rounding; a warm start differs."""

    def weights(folder, k):
        with h5py.File(folder / "glass" / f"realization_{k}" / "rnn" / "network.h5", "r") as file:
            found = []
            file.visititems(lambda name, item: found.append(item[()]) if "best_" in name else None)
        assert found
        return np.concatenate([array.ravel() for array in found])

    small = {"rnn.hidden": 4, "rnn.precision": "float32", "rnn.epochs": 1, "lattice.shape": [3, 3]}
    dcl_hpc.start(glass_file, runs, small).make("observe")
    groups, one, warm = (tmp_path / name for name in ("groups", "one", "warm"))
    for folder in (groups, one, warm):
        shutil.copytree(runs, folder)
    changes = [f"--set={key}={value}" for key, value in small.items()]
    done = dcl("train", "--network=rnn", *changes, job=glass_file, folder=groups, ranks=3)
    assert done.returncode == 0, done.stderr
    dcl_hpc.start(glass_file, one, small).make("rnn")
    dcl_hpc.start(glass_file, warm, {**small, "rnn.warm_start": True}).make("rnn")
    for k in (5, 3):
        np.testing.assert_allclose(weights(groups, k), weights(one, k), atol=1e-4)
    np.testing.assert_allclose(weights(warm, 5), weights(one, 5), atol=1e-4)
    assert np.abs(weights(warm, 3) - weights(one, 3)).max() > 0.01


@pytest.mark.mpi
def test_one_ensemble_is_made_by_one_job(dcl, glass_file, runs):
    """A value that has changed since some realizations were made is refused before others are."""
    assert dcl("observe", "--index=0", job=glass_file).returncode == 0
    for stage, ranks in (("observe", 2), ("run", 1)):
        done = dcl(stage, "--set", "observe.temperature=3.0", job=glass_file, ranks=ranks)
        assert done.returncode == 2 and "realization_5/observations.h5 was made by another job" in done.stderr
    assert not (runs / "glass" / "realization_3").exists()
    assert dcl("observe", "--set", "rnn.hidden=9", job=glass_file).returncode == 0


def test_unfinished_realization_is_named(dcl, glass_file, runs):
    """A stage that lacks the files before it names the realization's; the index is checked."""
    assert dcl("observe", "--index=1", job=glass_file).returncode == 0
    done = dcl("train", "--network=rnn", "--set", "rnn.epochs=1", job=glass_file)
    assert done.returncode == 2 and done.stderr.count("dcl_hpc: error:") == 1
    assert "realization_5/observations.h5 does not exist" in done.stderr
    assert "error: realization 5: " in done.stderr and "(1 of 2 failed)" in done.stderr
    assert "--index 0" in done.stderr and "realization 5: error: " in done.stdout
    assert (runs / "glass" / "realization_3" / "rnn" / "network.h5").exists()
    done = dcl("observe", "--index=2", job=glass_file)
    assert (
        done.returncode == 2 and "a position in the job's list of realizations, 0 ... 1: 5, 3" in done.stderr
    )
    done = dcl("observe", "--index=0")
    assert done.returncode == 2 and "--index: this job is one system" in done.stderr
    done = dcl("observe", "--from=x.npy", job=glass_file)
    assert done.returncode == 2 and "choose one with --index" in done.stderr
