"""Local energies as tables, as energy models, on any lattice."""

from dataclasses import replace

import numpy as np
import pytest

from dcl_hpc.energy.ednn import EdnnEnergy
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.inference.interactions import Interactions, Words
from dcl_hpc.inference.local_energy import LocalEnergy
from dcl_hpc.inference.window import Window
from dcl_hpc.physics import hamiltonian
from dcl_hpc.physics.lattice import ABSENT, Lattice
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose

CASES = [((6, 6), 3, 2), ((6, 7), 2, 2), ((5, 5), 2, 3), ((9,), 3, 3), ((9,), 4, 2)]


@pytest.fixture(params=CASES, ids=str)
def case(request):
    """A lattice, an energy with random couplings of all words, and random states."""
    shape, side, q = request.param
    random, lattice = np.random.default_rng(1), Lattice(shape)
    words = Words.all(Window.box(len(shape), side, q))
    coupling = random.normal(size=len(words))
    factor = random.normal(size=(len(words), len(words))) / 10
    energy = LocalEnergy(Interactions.single(words), coupling, factor @ factor.T)
    return lattice, energy, random.integers(0, q, (40, lattice.n_sites), dtype=np.uint8)


def test_the_table_has_the_energies(case):
    """Sum over interactions = sum over tiles, for our model and for the EDNN's."""
    lattice, energy, states = case
    expected, _ = energy.energy(states, lattice)
    columns = np.ascontiguousarray(states.T)
    scale = np.abs(expected).max()
    assert np.allclose(energy.model(lattice).energies(columns), expected, atol=1e-5 * scale)
    context = energy.window.side // 2
    n_states = energy.window.n_states
    table = energy.table(Window.box(lattice.dimension, 2 * context + 1, n_states))
    assert table.dtype == np.float64
    ednn = EdnnEnergy(lattice, 1, context, n_states, table)
    assert np.allclose(ednn.energies(columns), expected, atol=1e-5 * scale)


def test_zero_is_the_mean_over_random_configurations(case):
    """Of the table."""
    _, energy, _ = case
    table = energy.table()
    assert abs(table.mean()) < 1e-10 * np.abs(table).max()


def test_errors_are_those_of_the_couplings(case):
    """The scatter of energies with couplings drawn from their covariance."""
    lattice, energy, states = case
    few = np.linspace(0, len(energy.coupling) - 1, 6).astype(int)
    parts = energy.interactions.take(few), energy.coupling[few], energy.covariance[np.ix_(few, few)]
    energy = LocalEnergy(*parts)
    _, error = energy.energy(states, lattice)
    random = np.random.default_rng(3)
    draws = random.multivariate_normal(energy.coupling, energy.covariance, 4000, method="eigh")
    unit = [
        LocalEnergy(energy.interactions, e, energy.covariance).energy(states[:5], lattice)[0]
        for e in np.eye(len(energy.coupling))
    ]
    assert np.allclose((draws @ np.array(unit)).std(axis=0), error[:5], rtol=0.06)


def test_sweeps_are_those_of_the_true_energy(make):
    """With the coupling 1 of nearest neighbours the chains are the same, spin by spin."""
    lattice = Lattice((6, 8))
    local = make.energy({make.right: 1.0, make.down: 1.0}).model(lattice)
    walks = []
    for model in (local, TrueEnergy(hamiltonian.ising(lattice), n_chains=1)):
        walk = Chains.start(model, np.full(20, 0.4), range(20), 3, Purpose.SWEEP)
        walk.sweep(model, 50)
        walks.append(walk.states)
    assert np.array_equal(*walks)


def test_the_smallest_tile(make):
    """Nearest neighbours found in a tile of four need a tile of two."""
    energy = make.energy({make.right: 1.0, make.down: 1.0}, side=4)
    assert energy.window.side == 2
    assert len(energy.table()) == 2**4
    assert len(energy.table(Window.box(2, 3, 2))) == 2**9
    with pytest.raises(ValueError, match="does not hold all"):
        energy.table(Window.box(2, 1, 2))


def test_terms_can_be_read(make):
    """Strongest first, with sites, members, coupling and error."""
    energy = make.energy({make.plaquette: -0.5, make.right: 1.0})
    assert [t.coupling for t in energy.terms] == [1.0, -0.5]
    assert energy.terms[0].members[0].sites == ((0, 0), (0, 1))
    lines = str(energy).splitlines()
    assert lines[1] == "+1.00000 +- 1.00000 J  1 x [(0,0) (0,1)]"
    assert lines[2] == "-0.50000 +- 1.00000 J  1 x [(0,0) (0,1) (1,0) (1,1)]"
    clock = make.energy({make.right: 1.0}, 3, (1, 2), sine=True)
    assert str(clock.terms[0]).endswith("1 x [(0,0) (0,1) sin (1,2)]")


IRREGULAR = [
    Lattice((5, 6), open=(0, 1), absent=(8, 9, 20)),
    Lattice((6, 6), "triangular", open=(1,)),
    Lattice((3, 3), "kagome"),
    Lattice((3, 3), "honeycomb", open=(0,)),
]


@pytest.mark.parametrize("lattice", IRREGULAR, ids=str)
@pytest.mark.parametrize("q", [2, 3])
def test_models_where_sites_are_absent(lattice, q):
    """Tables without the interactions that reach absent sites have the energies of those that are there."""
    random, window = np.random.default_rng(6), Window.ball(lattice.geometry, 1, q)
    words = Words.all(window)
    words = words.take(np.unique(random.integers(0, len(words), 12)))
    energy = LocalEnergy(Interactions.single(words), random.normal(size=len(words)), np.eye(len(words)))
    states = random.integers(0, q, (30, lattice.n_sites), dtype=np.uint8)
    expected, _ = energy.energy(states, lattice)
    found = energy.model(lattice).energies(np.ascontiguousarray(states.T))
    assert np.allclose(found, expected, atol=1e-4)
    lost = np.where(np.arange(lattice.n_sites) == 3, np.uint8(ABSENT), states)
    kept = np.delete(np.arange(lattice.n_sites), 3)
    smaller = replace(lattice, absent=tuple(sorted((*lattice.absent, int(lattice.present[3])))))
    assert np.allclose(energy.energy(lost, lattice)[0], energy.energy(states[:, kept], smaller)[0])
