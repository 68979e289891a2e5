"""Kernels: arithmetic, agreement with each other, independence of the grouping of chains."""

import itertools

import numpy as np
import pytest

from dcl_hpc.energy.ednn import EdnnEnergy
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.tiles import box
from dcl_hpc.sampling import kernels, multispin, tile_tables
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.generator import LAZY
from dcl_hpc.sampling.streams import Purpose


def tile_model(shape):
    """Ising energy as a table of tiles with f = 2, c = 1: bonds right and down of the foci."""
    s = 2.0 * exact.all_states(2, 16).reshape(-1, 4, 4) - 1
    table = -(s[:, 1:3, 1:3] * (s[:, 1:3, 2:4] + s[:, 2:4, 1:3])).sum(axis=(1, 2))
    return EdnnEnergy(Lattice(shape), 2, 1, 2, table.astype(np.float32))


def three_state_tiles(shape):
    """Three-state delta Potts energy as tiles with f = 1, c = 1: bonds right and down of the focus."""
    tile = exact.all_states(3, 9)
    table = -((tile[:, 4] == tile[:, 5]).astype(float) + (tile[:, 4] == tile[:, 7]))
    return EdnnEnergy(Lattice(shape), 1, 1, 3, table.astype(np.float32))


def same_sweeps(one, two, beta):
    """Whether two energies with the same random numbers give the same chains, bit by bit."""
    first, second = (Chains.start(energy, beta, range(len(beta)), 1, Purpose.SWEEP) for energy in (one, two))
    for _ in range(3):
        first.sweep(one, 7)
        second.sweep(two, 7)
        assert np.array_equal(first.states, second.states)
        assert np.array_equal(first.streams, second.streams)


class Features:
    """A pair Hamiltonian by the kernel for general tables, whatever its table."""

    def __init__(self, model):
        self.lattice, self.n_states = model.lattice, model.n_states
        weights, vectors = np.linalg.eigh(model.pair)
        features = np.ascontiguousarray(vectors.T, np.float32)
        couplings = model.neighbour_couplings.astype(np.float32)
        neighbours = model.lattice.neighbours.astype(np.int32)
        self._model = neighbours, couplings, None, features, weights.astype(np.float32)

    def sweep(self, states, beta, streams, n_sweeps):
        """See `EnergyModel.sweep`."""
        kernels.in_blocks(kernels.pair_sweeps, states, beta, streams, n_sweeps, *self._model)


SQUARE, HYPERCUBE = Lattice((4, 4)), Lattice((2, 2, 2, 2))
GAUSSIAN = hamiltonian.random_couplings(SQUARE, "gaussian", np.random.default_rng(1))
BIMODAL = hamiltonian.random_couplings(SQUARE, "bimodal", np.random.default_rng(1))
DILUTE = np.where(np.arange(32).reshape(16, 2) % 5, BIMODAL, 0.0)


@pytest.mark.parametrize(
    ("model", "kernel"),
    [
        (hamiltonian.ising(SQUARE, -2.5), multispin.sweeps),
        (hamiltonian.ising(SQUARE, BIMODAL), multispin.sweeps),
        (hamiltonian.ising(Lattice((3, 3, 3))), multispin.sweeps),
        (hamiltonian.potts(SQUARE, 2), multispin.sweeps),
        (hamiltonian.clock(SQUARE, 2), multispin.sweeps),
        (hamiltonian.ising(HYPERCUBE), kernels.two_state_sweeps),
        (hamiltonian.ising(SQUARE, GAUSSIAN), kernels.two_state_sweeps),
        (hamiltonian.ising(SQUARE, DILUTE), kernels.two_state_sweeps),
        (hamiltonian.ising(Lattice((4, 4), open=(1,), absent=(3, 9))), multispin.sweeps),
        (hamiltonian.ising(Lattice((2, 3), "kagome"), -1.0), multispin.sweeps),
        (hamiltonian.ising(Lattice((2, 2, 2), "bcc")), kernels.two_state_sweeps),
        (hamiltonian.ising(SQUARE, 1.0, 0.1), kernels.two_state_sweeps),
        (hamiltonian.potts(SQUARE, 3), kernels.like_sweeps),
        (hamiltonian.clock(SQUARE, 3), kernels.like_sweeps),
        (hamiltonian.clock(SQUARE, 4), kernels.pair_sweeps),
        (hamiltonian.Hamiltonian(SQUARE, GAUSSIAN, np.diag([1.0, 0.5])), kernels.pair_sweeps),
    ],
)
def test_choice_of_kernel(model, kernel):
    """Multi-spin coding where it can be, else the kernel that knows most about the model."""
    assert TrueEnergy(model).model._kernel is kernel
    expected = kernels.two_state_sweeps if kernel is multispin.sweeps else kernel
    assert TrueEnergy(model, n_chains=1).model._kernel is expected


@pytest.mark.parametrize(
    "model",
    [
        hamiltonian.ising(Lattice((6, 5)), -1.5),
        hamiltonian.ising(HYPERCUBE),
        hamiltonian.ising(SQUARE, DILUTE),
        hamiltonian.clock(Lattice((4, 5)), 7),
        hamiltonian.potts(Lattice((3, 4, 5)), 255),
        hamiltonian.Hamiltonian(SQUARE, GAUSSIAN, np.diag([1.0, 0.5, -2.0])),
        hamiltonian.ising(Lattice((4, 3), "honeycomb", open=(0,), absent=(4, 7)), 0.8, 0.3),
        hamiltonian.clock(Lattice((3, 3), open=(0, 1)), 5, -1.0, [0.1, 0, 0, 2.0, -1]),
    ],
)
def test_energies_are_those_of_the_hamiltonian(model):
    """The kernel counts the same bonds."""
    random = np.random.default_rng(1)
    states = random.integers(0, model.n_states, (300, model.lattice.n_sites), np.uint8)
    energies = TrueEnergy(model).energies(np.ascontiguousarray(states.T))
    assert energies == pytest.approx(model.energy(states), abs=1e-11)


def test_four_dimensions(scatter, p_value):
    """Levels of the Ising model with eight neighbours per site have Boltzmann frequencies."""
    model, n, betas = hamiltonian.ising(HYPERCUBE), 20_000, np.array([0.1, -0.1, 0.04])
    energy = TrueEnergy(model)
    chains = scatter(energy, np.tile(betas, n), 6)
    chains.sweep(energy, 60)
    levels, place = np.unique(model.energy(exact.all_states(2, 16)), return_inverse=True)
    found = np.searchsorted(levels, energy.energies(chains.states)).reshape(n, -1)
    degeneracy = np.bincount(place)
    weight = degeneracy * np.exp(-np.outer(betas, levels))
    expected = n * weight / weight.sum(axis=1, keepdims=True)
    counts = [np.bincount(column, minlength=len(levels)) for column in found.T]
    assert 1e-4 < p_value(counts, expected) < 1 - 1e-4


def test_tiles_give_the_true_energy():
    """A sum over tiles of the bonds of their foci is the energy of the whole lattice."""
    states = np.random.default_rng(2).integers(0, 2, (36, 100)).astype(np.uint8)
    true = TrueEnergy(hamiltonian.ising(Lattice((6, 6)))).energies(states)
    assert tile_model((6, 6)).energies(states) == pytest.approx(true, abs=1e-9)
    states = np.random.default_rng(2).integers(0, 3, (16, 100)).astype(np.uint8)
    true = TrueEnergy(hamiltonian.potts(Lattice((4, 4)), 3)).energies(states)
    assert three_state_tiles((4, 4)).energies(states) == pytest.approx(true, abs=1e-9)


@pytest.mark.parametrize("shape", [(6, 6), (4, 8), (4, 4)])
def test_tile_sweeps_are_two_state_sweeps(shape):
    """The same energy and random numbers give the same configurations, bit by bit."""
    pairs = TrueEnergy(hamiltonian.ising(Lattice(shape)), n_chains=1)
    same_sweeps(pairs, tile_model(shape), np.linspace(-0.6, 1.2, 300))


def test_tile_sweeps_of_three_states_are_like_sweeps():
    """Also with proposals among several other states."""
    pairs = TrueEnergy(hamiltonian.potts(Lattice((4, 5)), 3))
    same_sweeps(pairs, three_state_tiles((4, 5)), np.linspace(-0.6, 1.5, 300))


@pytest.mark.parametrize("shape", [(5,), (4, 6), (3, 3), (2, 5), (3, 4, 3), (2, 2, 2, 2)])
def test_windows_at_every_site_are_two_state_sweeps(shape):
    """Merged to boxes or not, in any dimension."""
    d = len(shape)
    s = 2.0 * exact.all_states(2, 2**d).reshape(-1, *[2] * d) - 1
    corner = s[(slice(None), *[0] * d)]
    table = -sum(corner * s[(slice(None), *np.eye(d, dtype=int)[axis])] for axis in range(d))
    windows = tile_tables.TileTables(Lattice(shape), 2, box(d, 2, 0), table)
    pairs = TrueEnergy(hamiltonian.ising(Lattice(shape)), n_chains=1)
    same_sweeps(pairs, windows, np.linspace(-0.6, 1.2, 300))


class Apart:
    """A model of like and unlike neighbours whose bonds are added one by one."""

    def __init__(self, model):
        energy = TrueEnergy(model).model
        self.lattice, self.n_states = model.lattice, model.n_states
        neighbours, couplings, last, *rest = energy._model
        self.runs = not last.all()
        self._model = neighbours, couplings, np.ones_like(last), *rest

    def sweep(self, states, beta, streams, n_sweeps):
        """See `EnergyModel.sweep`."""
        kernels.in_blocks(kernels.like_sweeps, states, beta, streams, n_sweeps, *self._model)


@pytest.mark.parametrize(
    ("model", "together"),
    [
        (hamiltonian.potts(Lattice((4, 5)), 3), True),
        (hamiltonian.clock(Lattice((4, 5)), 3, -0.5), True),
        (hamiltonian.potts(Lattice((3, 4), "triangular", open=(1,), absent=(5,)), 5), True),
        (hamiltonian.Hamiltonian(SQUARE, DILUTE, np.eye(3)), True),
        (hamiltonian.Hamiltonian(SQUARE, GAUSSIAN, np.eye(3)), False),
        (hamiltonian.potts(Lattice((4, 5)), 3, 0.8), False),  # three times 0.8 is rounded
        (hamiltonian.potts(Lattice((4, 5)), 3, 1.0, [0.3, -0.8, 0]), False),
    ],
)
def test_bonds_are_counted_together_only_where_that_is_exact(model, together):
    """And then the sweeps are those of single bonds, bit by bit."""
    apart = Apart(model)
    assert apart.runs == together
    same_sweeps(TrueEnergy(model), apart, np.linspace(-0.6, 1.5, 300))


def test_copies_begin_at_cache_lines():
    """Also of parts of arrays."""
    array = np.arange(60, dtype=np.uint32).reshape(4, 15)
    for part in (array, array[:, 3:7], array[0, :1]):
        copy = kernels.aligned(part)
        assert copy.ctypes.data % kernels.LINE == 0
        assert copy.flags.c_contiguous and copy.dtype == part.dtype
        assert np.array_equal(copy, part)


@pytest.mark.parametrize("form", [hamiltonian.potts, hamiltonian.clock])
def test_pair_sweeps_are_like_sweeps(form):
    """Both kernels take the same decisions for a table that both can represent."""
    model = form(Lattice((4, 5)), 3, -0.8)
    same_sweeps(TrueEnergy(model), Features(model), np.linspace(-0.6, 1.5, 300))


def test_most_states(scatter):
    """With 255 states every other state is proposed, and none outside the range."""
    energy = TrueEnergy(hamiltonian.potts(SQUARE, 255))
    chains = scatter(energy, np.zeros(5000), 3)
    before = chains.states.astype(int)
    chains.sweep(energy)
    assert chains.states.max() == 254
    steps = np.bincount(((chains.states - before) % 255).ravel(), minlength=255)[1:]
    expected = before.size * LAZY / 254
    assert abs(steps - expected).max() < 5 * np.sqrt(expected)


def test_chains_do_not_depend_on_their_company(case):
    """Chains 0..599 together are the chains run in groups of any size, bit by bit."""
    beta = np.linspace(-0.3, 0.9, 600)
    together = Chains.start(case.energy, beta, range(600), 9, Purpose.OBSERVE)
    together.sweep(case.energy, 12)
    bounds = [0, 1, 8, 300, 556, 599, 600]
    for start, stop in itertools.pairwise(bounds):
        group = Chains.start(case.energy, beta[start:stop], range(start, stop), 9, Purpose.OBSERVE)
        group.sweep(case.energy, 12)
        assert np.array_equal(group.states, together.states[:, start:stop])
        assert np.array_equal(group.streams, together.streams[:, start:stop])


def test_sweeps_add_up(case):
    """Nine sweeps at once are two and then seven."""
    beta = np.linspace(-0.3, 0.9, 300)
    one, two = (Chains.start(case.energy, beta, range(300), 5, Purpose.OBSERVE) for _ in range(2))
    one.sweep(case.energy, 9)
    two.sweep(case.energy, 2)
    two.sweep(case.energy, 7)
    assert np.array_equal(one.states, two.states)
    assert np.array_equal(one.streams, two.streams)


def test_no_sweeps_and_no_chains(case):
    """Zero sweeps change nothing, and a process may have no chain."""
    chains = Chains.start(case.energy, np.full(40, 0.3), range(40), 5, Purpose.OBSERVE)
    states, streams = chains.states.copy(), chains.streams.copy()
    chains.sweep(case.energy, 0)
    assert np.array_equal(chains.states, states)
    assert np.array_equal(chains.streams, streams)
    nobody = Chains.start(case.energy, [], [], 5, Purpose.OBSERVE)
    nobody.sweep(case.energy, 3)
    assert nobody.states.shape == (case.energy.lattice.n_sites, 0)


def test_changes_at_infinite_temperature(case, scatter):
    """At beta = 0 every site changes with probability 63/64, to each of the other states equally often."""
    q = case.energy.n_states
    chains = scatter(case.energy, np.zeros(40_000), 6)
    before = chains.states.astype(int)
    chains.sweep(case.energy)
    steps = np.bincount(((chains.states - before) % q).ravel(), minlength=q)
    p = np.array([1 - LAZY] + (q - 1) * [LAZY / (q - 1)])
    assert abs((steps - p * before.size) / np.sqrt(before.size * p * (1 - p))).max() < 4


@pytest.mark.parametrize("n_chains", [1, 1024])
def test_chains_are_independent(n_chains):
    """Magnetizations of different chains are uncorrelated, between neighbours and across the blocks."""
    energy = TrueEnergy(hamiltonian.ising(Lattice((4, 4))), n_chains)
    n = 20_480
    chains = Chains.start(energy, np.full(n, 0.25), range(n), 7, Purpose.OBSERVE)
    chains.sweep(energy, 50)
    m = 2 * chains.states.mean(axis=0) - 1
    for lag in (1, 2, 31, 32, 33, kernels.BLOCK, multispin.LANES, n // 2):
        r = np.corrcoef(m[:-lag], m[lag:])[0, 1]
        assert abs(r) < 4 / np.sqrt(n - lag)
