"""Overlaps of independent replicas against the plain formula, and of a sweep against the enumeration."""

import threading
from dataclasses import dataclass

import h5py
import numpy as np
import pytest

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import hamiltonian
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.reporting.tables import overlap_table
from dcl_hpc.sampling import overlap
from dcl_hpc.sampling.overlap import Overlaps
from dcl_hpc.sampling.statistics import autocorrelation_time
from dcl_hpc.sampling.streams import Purpose
from dcl_hpc.sampling.tempering import Ladders, Replicas
from dcl_hpc.storage.results import SweepSeries, read_sweep

BETAS = 1 / np.array([0.8, 1.2, 2.0, 4.0])


def glass(shape, seed=4):
    """A gaussian glass."""
    lattice = Lattice(shape)
    couplings = hamiltonian.random_couplings(lattice, "gaussian", np.random.default_rng(seed))
    return hamiltonian.ising(lattice, couplings)


def start(n_ladders, share=lambda n: slice(0, n), gather=lambda values: values):
    """Replicas of a glass of 15 sites, and their overlaps."""
    ladders = Ladders(BETAS, n_ladders, 3)
    mine = share(ladders.slot.size)
    replicas = Replicas(TrueEnergy(glass((3, 5))), ladders, mine, 3, Purpose.SWEEP, 0, gather)
    return replicas, Overlaps(replicas, share, gather)


def plain(replicas):
    """Overlaps by the formula, of replicas that are found by their temperatures."""
    spins, slot = 2.0 * replicas.chains.states - 1, replicas.ladders.slot
    at = [[slot[k].tolist().index(t) + k * len(BETAS) for t in range(len(BETAS))] for k in range(len(slot))]
    return [
        [(spins[:, a] * spins[:, b]).mean() for a, b in zip(at[k], at[k + 1], strict=True)]
        for k in range(0, len(slot) - 1, 2)
    ]


@pytest.mark.parametrize("batch", [1, 4, 64])
@pytest.mark.parametrize("n_ladders", [2, 5, 6])
def test_overlaps_by_the_formula(monkeypatch, batch, n_ladders):
    """Each moment's overlaps, at the temperatures before the exchange that follows, in batches of any size.

    An odd ladder is left over; overlaps are those since the last time that they were taken.
    """
    monkeypatch.setattr(overlap, "BATCH", batch)
    replicas, overlaps = start(n_ladders)
    for moments in (1, 8, 13):
        expected = []
        for _ in range(moments):
            energy = replicas.sweep()
            overlaps.measure()
            expected.append(plain(replicas))
            replicas.exchange(energy)
        found = overlaps.take()
        assert found.shape == (moments, n_ladders // 2, len(BETAS)) and found.dtype == np.float32
        assert np.array_equal(found, np.array(expected, np.float32))
    assert len(np.unique(found)) > 4 and (replicas.ladders.slot[0] != np.arange(len(BETAS))).any()


def run(result, rank, replicas, overlaps):
    """Sweeps of one process."""
    for _ in range(11):
        energy = replicas.sweep()
        overlaps.measure()
        replicas.exchange(energy)
    result[rank] = overlaps.take()


@pytest.mark.parametrize("size", [2, 3, 5])
def test_overlaps_do_not_depend_on_the_processes(monkeypatch, size):
    """Processes, here threads, with parts of ladders and some without a pair: all have the same overlaps."""
    monkeypatch.setattr(overlap, "BATCH", 4)
    serial, meeting, parts, results = {}, threading.Barrier(size), [None] * size, {}
    run(serial, 0, *start(5))

    def process(rank):
        def gather(values):
            parts[rank] = values
            meeting.wait(60)
            everyone = np.concatenate(parts)
            meeting.wait(60)
            return everyone

        return start(5, lambda n: slice(rank * n // size, (rank + 1) * n // size), gather)

    threads = [threading.Thread(target=run, args=(results, k, *process(k)), daemon=True) for k in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(results) == size
    for found in results.values():
        assert np.array_equal(found, serial[0])


SHAPE, TEMPERATURES = (3, 4), [0.05, 0.5, 0.8, 1.2, 2.0, 4.0]
MODEL = glass(SHAPE)
JOB = """\
name = "glass"
seed = 11
lattice.shape = [3, 4]
rnn.order = "snake"
hamiltonian = {{ kind = "edwards_anderson", couplings = {couplings} }}
observe = {{ temperature = 2.0, samples = 1000, chains = 100 }}
[sweep]
energies = ["true"]
temperatures = {temperatures}
ladders = 81
thermalization = 500
sweeps = 4000
"""


@dataclass(frozen=True)
class Enumerated:
    """Overlaps of two independent configurations at one temperature, exactly.

    Attributes
    ----------
    values, p : float64 (n_sites + 1,)
        Possible overlaps and their probabilities.
    squared : float64
        <q^2> by correlations, sum_ij <s_i s_j>^2 / N^2.
    """

    values: np.ndarray
    p: np.ndarray
    squared: float

    def binder(self):
        """Parameter g."""
        return (3 - self.p @ self.values**4 / (self.p @ self.values**2) ** 2) / 2


def enumerated(model, temperature):
    """From the Boltzmann weights of all configurations."""
    n_sites = model.lattice.n_sites
    states = all_states(2, n_sites)
    energy = model.energy(states)
    weight = np.exp(-(energy - energy.min()) / temperature)
    weight /= weight.sum()
    spins = 2.0 * states - 1
    correlations = (spins * weight[:, None]).T @ spins
    numbers = np.arange(len(states))
    difference = [weight @ weight[numbers ^ code] for code in numbers]  # of the two configurations' bits
    unlike = np.bitwise_count(numbers)
    p = np.bincount(unlike, difference)[::-1]
    return Enumerated(np.arange(-n_sites, n_sites + 1, 2) / n_sites, p, (correlations**2).mean())


@pytest.fixture(scope="module")
def exact():
    """The enumeration at each temperature."""
    return [enumerated(MODEL, t) for t in TEMPERATURES]


@pytest.fixture(scope="module")
def path(command, tmp_path_factory):
    """File of a sweep by the command."""
    folder = tmp_path_factory.mktemp("overlap")
    job = JOB.format(couplings=MODEL.couplings.tolist(), temperatures=TEMPERATURES)
    (folder / "glass.toml").write_text(job)
    done = command("sweep", folder / "glass.toml", "--runs", folder)
    assert done.returncode == 0, done.stderr
    return folder / "glass" / "sweeps" / "true_3x4.h5"


@pytest.fixture(scope="module")
def series(path):
    """What the sweep measured."""
    return read_sweep(path)


@pytest.fixture(scope="module")
def table(series):
    """What the report takes from it."""
    return overlap_table(series, MODEL.lattice.n_sites)


def test_enumeration_is_consistent(exact):
    """The distribution has the second moment of the correlations, the symmetry, and the right limits."""
    for found in exact:
        assert found.p.sum() == pytest.approx(1)
        assert found.p @ found.values**2 == pytest.approx(found.squared)
        assert found.p == pytest.approx(found.p[::-1])
    assert exact[0].p[[0, -1]] == pytest.approx([0.5, 0.5])
    hot = enumerated(MODEL, 1e9)
    assert hot.squared == pytest.approx(1 / 12) and hot.binder() == pytest.approx(1 / 12)


def test_dataset_describes_itself(path):
    """Axes and contents are labelled; every value is a possible one."""
    with h5py.File(path) as file:
        data = file["series/overlap/value"]
        assert data.shape == (4000, 40, len(file["temperature"])) and data.dtype == np.float32
        assert [axis.label for axis in data.dims] == ["measurement", "pair", "temperature"]
        assert "overlap" in data.attrs["about"]
        assert set(np.unique(data)) <= set((np.arange(-12, 13, 2) / 12).astype(np.float32))


def test_averages_are_the_exact_ones(exact, table):
    """<|q|>, <q^2>, <q^4> and g within 4 errors at every temperature, and errors that are not too large."""
    assert table["temperature"] == TEMPERATURES
    deviations = []
    for k in range(1, len(TEMPERATURES)):
        values, p = exact[k].values, exact[k].p
        expected = {
            "abs_q": p @ abs(values),
            "q2": exact[k].squared,
            "q4": p @ values**4,
            "binder": exact[k].binder(),
        }
        for name, value in expected.items():
            assert 0 < table[f"{name}_error"][k] < 0.01
            deviations.append((table[name][k] - value) / table[f"{name}_error"][k])
    assert np.abs(deviations).max() < 4
    assert 0.3 < np.sqrt(np.mean(np.square(deviations))) < 2


def test_distribution_is_the_exact_one(exact, table):
    """P(q) within 4 errors wherever it is sampled well, at every temperature."""
    deviations = []
    for k in range(1, len(TEMPERATURES)):
        values, p = exact[k].values, exact[k].p
        assert table["q"] == pytest.approx(values)
        found, error = np.array(table["distribution"][k]), np.array(table["distribution_error"][k])
        assert found.sum() * 2 / 12 == pytest.approx(1)
        sampled = (values >= 0) & (p * table["effective_samples"][k] > 200)
        assert sampled.sum() > 3
        deviations += ((found - p * 12 / 2) / error)[sampled].tolist()
    assert np.abs(deviations).max() < 4
    assert 0.5 < np.sqrt(np.mean(np.square(deviations))) < 1.5


def test_signed_overlaps_have_the_exact_distribution(exact, series, p_value):
    """Chi-square of overlaps with their signs, of moments so far apart that they are independent."""
    for t, expected in zip(TEMPERATURES[1:], exact[1:], strict=True):
        q = series.overlap[series.temperature.tolist().index(t)]
        tau = max(autocorrelation_time(q.T), autocorrelation_time(q.T**2))
        kept = q[:, :: int(np.ceil(6 * tau))]
        assert kept.size > 1000
        counts = np.bincount(np.rint(6 * (1 + kept)).astype(int).ravel(), minlength=13)
        assert 1e-4 < p_value(counts, kept.size * expected.p) < 1 - 1e-4, t


def test_ground_states_alone(exact, table):
    """Far below the gap, configurations are a ground state or its reverse: |q| = 1 and g = 1."""
    assert exact[0].squared == pytest.approx(1, abs=1e-6) and exact[0].binder() == pytest.approx(1, abs=1e-6)
    for name in ("abs_q", "q2", "q4", "binder"):
        assert table[name][0] == pytest.approx(1, abs=1e-3)
    peaks = np.array(table["distribution"][0])[[0, -1]]
    assert peaks == pytest.approx([3, 3], rel=1e-3)


def test_binder_parameter_goes_to_zero_with_size():
    """At high temperature g is a little above 1/N, its value for free spins, and falls with the lattice."""
    found, errors, sizes = [], [], (3, 4, 6)
    for side in sizes:
        ladders = Ladders([1 / 8.0], 512, 3)
        model = TrueEnergy(glass((side, side)))
        replicas = Replicas(model, ladders, slice(0, 512), 3, Purpose.SWEEP)
        overlaps = Overlaps(replicas)
        replicas.sweep(50)
        for _ in range(4000):
            replicas.sweep()
            overlaps.measure()
        q = overlaps.take().transpose(2, 1, 0)
        none = np.zeros((1, 1, 1))
        series = SweepSeries(np.array([8.0]), np.array([True]), none, none, np.zeros(0), 0, q.astype(float))
        table = overlap_table(series, side * side)
        found.append(table["binder"][0])
        errors.append(table["binder_error"][0])
    assert max(errors) < 0.005
    exact = enumerated(glass((3, 3)), 8.0).binder()
    assert abs(found[0] - exact) < 4 * errors[0]
    assert np.all(np.diff(found) < -4 * np.hypot(errors[1:], errors[:-1]))
    free = 1 / np.square(sizes)
    assert np.all(found - free > -4 * np.array(errors)) and np.all(found < 1.5 * free)
