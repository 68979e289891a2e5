"""For every kind of model neither the number of ranks nor an interruption changes a bit."""

import numpy as np
import pytest

from dcl_hpc.sampling import multispin

JOB = """\
name = "{name}"
seed = 5
lattice.shape = {shape}
hamiltonian = {{ {hamiltonian} }}
observe = {{ {observe} }}
rnn.order = "snake"
sweep = {{ {sweep} }}
"""
ISING = 'kind = "ising"'
GAUSSIAN = 'kind = "edwards_anderson", couplings = "gaussian"'
BIMODAL = 'kind = "edwards_anderson", couplings = "bimodal"'
CLOCK = 'kind = "potts", form = "clock", states = 3'
DELTA = 'kind = "potts", form = "delta", states = 5'
# Numbers of chains are neither multiples of the number of ranks nor of the 32 chains that share a word. Many
# chains take the multi-spin coded kernel.
CHAINS = "temperature = 3.0, samples = 11000, chains = 1100, thermalization = 20"
FEW = "temperature = 1.5, samples = 296, chains = 37, thermalization = 20, exchange = { hottest = 6.0 }"
MANY = (
    "temperature = 1.5, samples = 1640, chains = 205, thermalization = 20, "
    "exchange = { hottest = 6.0, rungs = 6 }"
)
SWEEP = 'energies = ["true"], temperatures = [1.2, 2.0, 6.0], thermalization = 20, sweeps = 12, '
FEW_LADDERS, MANY_LADDERS = f"{SWEEP} ladders = 3", f"{SWEEP} ladders = 343"
MODES = f"{FEW_LADDERS}, rungs = 4 }}\nuncertainty = {{ every = 3"
CASES = {
    "observe_many_chains": ([4, 4], ISING, CHAINS, FEW_LADDERS),
    "observe_many_ising": ([4, 6], ISING, MANY, FEW_LADDERS),
    "observe_many_bimodal": ([4, 4, 4], BIMODAL, MANY, FEW_LADDERS),
    "observe_ising": ([4, 6], ISING, FEW, FEW_LADDERS),
    "observe_gaussian": ([4, 4], GAUSSIAN, FEW, FEW_LADDERS),
    "observe_clock": ([4, 4], CLOCK, FEW, FEW_LADDERS),
    "observe_delta": ([4, 4], DELTA, FEW, FEW_LADDERS),
    "sweep_many_ising": ([4, 6], ISING, FEW, f'{MANY_LADDERS}, rungs = "auto"'),
    "sweep_gaussian": ([4, 4], GAUSSIAN, FEW, f"{FEW_LADDERS}, rungs = 7"),
    "sweep_bimodal": ([3, 5], BIMODAL, FEW, f"{SWEEP} ladders = 5, rungs = 6"),
    "sweep_clock": ([4, 4], CLOCK, FEW, f'{FEW_LADDERS}, rungs = "auto"'),
    "sweep_listed": ([4, 4], DELTA, FEW, f"{FEW_LADDERS}, rungs = 3"),
    "sweep_modes": ([4, 4], GAUSSIAN, FEW, MODES),
}
# Runs the stages of all jobs in a folder, each until it has committed so many rows; a trial run is short.
STAGES = """\
import sys
from pathlib import Path

from dcl_hpc.pipeline import command
from dcl_hpc.job import file as job_file
from dcl_hpc.stages import observe
from dcl_hpc.stages import sweep
from dcl_hpc.cluster import mpi
from dcl_hpc.cluster.log import Log
from dcl_hpc.cluster.signals import Stopped, StopRequest
from dcl_hpc.pipeline.context import Context
from dcl_hpc.pipeline.run import Run
from dcl_hpc.storage.store import Store

observe.BUFFER, observe.PILOT_SWEEPS, observe.LONGEST_PILOT, sweep.COMMIT_SECONDS = 1, 60, 60, -1.0
jobs, runs, rows = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
commit, energy_model = Store.commit, sweep.energy_model


def with_modes(run, *arguments):
    model = energy_model(run, *arguments)
    if run.job.name == "sweep_modes":  # its energies, and twice them, as if they were errors
        model.modes = lambda states, most: [[1], [2]] * model.energies(states)
    return model


sweep.energy_model = with_modes


def work(comm):
    for path in sorted(jobs.glob("*.toml")):
        context = Context(
            Run(*job_file.load(path), str(path), runs, comm.size), comm, Log(comm.rank), StopRequest()
        )

        def counted(store, done, *arguments):
            commit(store, done, *arguments)
            if done >= rows and comm.rank == comm.size - 1:
                context.stop.received = True

        Store.commit = counted
        try:
            stage = "observe" if path.name.startswith("observe") else "sweep"
            for output in context.run.stage(stage).wanted(context.run.job):
                {"observe": observe.observe, "sweep": sweep.sweep}[stage](context, output)
        except Stopped:
            pass


mpi.run(work)
"""


@pytest.fixture(scope="module")
def start(python, tmp_path_factory):
    """Start the stages of all cases until `rows` are committed: `start("name", ranks=2, rows=3)`."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "jobs").mkdir()
    (folder / "stages.py").write_text(STAGES)
    for name, (shape, hamiltonian, observe, sweep) in CASES.items():
        text = JOB.format(name=name, shape=shape, hamiltonian=hamiltonian, observe=observe, sweep=sweep)
        (folder / "jobs" / f"{name}.toml").write_text(text)

    def run(name, ranks, rows=1000):
        done = python(folder / "stages.py", folder / "jobs", folder / name, rows, ranks=ranks)
        assert done.returncode == 0, done.stderr
        return folder / name

    return run


def read(contents, folder, case) -> dict[str, np.ndarray]:
    """What the file of a case holds."""
    (path,) = (folder / case).rglob("*.h5")
    return contents(path)


@pytest.fixture(scope="module")
def reference(start):
    """Folder of runs on one rank, never interrupted."""
    return start("1", ranks=1)


@pytest.fixture(scope="module")
def parallel(start):
    """Folder of runs on three ranks."""
    return start("3", ranks=3)


@pytest.fixture(scope="module")
def interrupted(start, contents):
    """Folder of runs stopped on two ranks and ended on one, and their rows at the stop."""
    folder = start("interrupted", ranks=2, rows=4)
    rows = {case: read(contents, folder, case)["committed"] for case in CASES}
    return start("interrupted", ranks=1), rows


@pytest.mark.mpi
@pytest.mark.parametrize("case", CASES)
def test_any_number_of_ranks(case, reference, parallel, contents, assert_same):
    """Data, ladder, thinning and checkpoint are the same on 1 and 3 ranks."""
    first = read(contents, reference, case)
    assert first["committed"] == first["total"]
    assert_same(first, read(contents, parallel, case))


@pytest.mark.mpi
@pytest.mark.parametrize("case", CASES)
def test_interrupted(case, reference, interrupted, contents, assert_same):
    """Stopped and continued on another number of ranks, a run ends with the bits of a single one."""
    folder, rows = interrupted
    first = read(contents, reference, case)
    assert 0 < rows[case] < first["total"]
    assert_same(first, read(contents, folder, case))


@pytest.mark.mpi
@pytest.mark.parametrize("case", CASES)
def test_cases_are_as_meant(case, reference, contents):
    """Replicas were exchanged, ladders have as many temperatures as they should, and states move."""
    found = read(contents, reference, case)
    assert np.ptp(found["checkpoint/states"], axis=0).any()
    assert (found["checkpoint/states"].shape[1] >= multispin.WORTHWHILE) == ("many" in case)
    ladder = found["ladder" if case.startswith("observe") else "temperature"]
    if case == "observe_many_chains":
        assert ladder.tolist() == [3.0] and "checkpoint/ladders/slot" not in found
        return
    assert (np.diff(ladder) > 0).all() and ladder[-1] == 6.0
    rungs = {"sweep_gaussian": 7, "sweep_bimodal": 6, "sweep_listed": 3, "sweep_modes": 4}
    assert len(ladder) == rungs.get(case, len(ladder)) > 2
    assert len(np.unique(found["checkpoint/ladders/slot"])) == len(ladder)
    assert found["checkpoint/ladders/accepted"].sum(axis=0).all()
    listed = found["listed"] if case.startswith("sweep") else [0, -1]
    assert ladder[listed].tolist() == ([1.2, 2.0, 6.0] if case.startswith("sweep") else [1.5, 6.0])


@pytest.mark.mpi
def test_modes_are_recorded_with_the_energies(reference, contents):
    """Every third sweep, of each replica; energies without errors of their own have no data set of them."""
    found = read(contents, reference, "sweep_modes")
    assert found["series/modes/step"].tolist() == [3, 6, 9, 12]
    energy = found["series/energy/value"][2::3].astype(np.float32)
    np.testing.assert_array_equal(found["series/modes/value"], np.stack([energy, 2 * energy], axis=-1))
    assert "series/modes/value" not in read(contents, reference, "sweep_listed")


GLASSES = {"sweep_gaussian": 1, "sweep_bimodal": 2, "sweep_modes": 1}


@pytest.mark.mpi
@pytest.mark.parametrize("case", GLASSES)
def test_last_overlaps_are_those_of_the_last_states(case, reference, contents):
    """The states of the checkpoint, at the temperatures of the last row, have the overlaps of that row."""
    found = read(contents, reference, case)
    n_temperatures, pairs = len(found["temperature"]), GLASSES[case]
    spins = 2.0 * found["checkpoint/states"] - 1
    slot = found["series/slot/value"][-1].reshape(-1, n_temperatures)
    ladders = spins.reshape(len(spins), -1, n_temperatures)
    overlaps = found["series/overlap/value"]
    assert overlaps.shape == (12, pairs, n_temperatures) and overlaps.dtype == np.float32
    moved = 0
    for pair in range(pairs):
        for t in range(n_temperatures):
            first, second = (ladders[:, k, slot[k].tolist().index(t)] for k in (2 * pair, 2 * pair + 1))
            assert overlaps[-1, pair, t] == np.float32((first * second).mean())
            moved += slot[2 * pair].tolist().index(t) != t
    assert moved and len(np.unique(overlaps)) > 4


@pytest.mark.mpi
@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("sweep")])
def test_only_glasses_have_overlaps(case, reference, contents):
    """Other models have no data set of them."""
    assert ("series/overlap/value" in read(contents, reference, case)) == (case in GLASSES)
