"""Couplings recovered from energies of flipped configurations."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

from itertools import combinations

import numpy as np
import pytest

from dcl_hpc.energy import couplings
from dcl_hpc.energy.ednn import EdnnEnergy
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import hamiltonian
from dcl_hpc.physics.clusters import ClusterHamiltonian, Term
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.lattice import Lattice

GLASSES = [
    ((3, 3), "gaussian"),
    ((4, 4), "gaussian"),
    ((4, 4), "bimodal"),
    ((2, 2), "gaussian"),
    ((2, 4), "gaussian"),
    ((2, 2, 3), "gaussian"),
    ((7,), "gaussian"),
]


class Planted:
    """E = - sum c prod s over sets of sites, of at most so many configurations at a time."""

    n_states = 2

    def __init__(self, shape, terms):
        self.lattice, self.terms, self.largest = Lattice(shape), terms, 0

    def energies(self, states):
        """See `EnergyModel.energies`."""
        self.largest = max(self.largest, states.shape[1])
        spins = 2.0 * states - 1
        return -sum(c * spins[list(sites)].prod(axis=0) for sites, c in self.terms.items())


def glass(shape, kind="gaussian", seed=1):
    """A glass Hamiltonian."""
    lattice = Lattice(shape)
    draw = hamiltonian.random_couplings(lattice, kind, np.random.default_rng(seed))
    return hamiltonian.ising(lattice, draw)


def all_pairs(n):
    """Every pair of n sites."""
    return np.array(list(combinations(range(n), 2)))


def random_states(n, n_sites, seed=2):
    """Uniformly random configurations, uint8 (n, n_sites)."""
    return np.random.default_rng(seed).integers(0, 2, (n, n_sites), np.uint8)


def by_enumeration(model, pairs):
    """Pair coefficients, -mean of E s_i s_j over all configurations."""
    states = all_states(2, model.lattice.n_sites)
    energy, spins = model.energies(np.ascontiguousarray(states.T)), 2.0 * states - 1
    return np.array([-(energy * spins[:, i] * spins[:, j]).mean() for i, j in pairs])


def by_definition(model, states, pairs):
    """What each configuration says of each pair, by one energy after another."""

    def energy(state, *flips):
        changed = state.copy()
        for site in flips:
            changed[site] = 1 - changed[site]
        return model.energies(changed[:, None])[0]

    rows = []
    for state in states:
        s = 2.0 * state - 1
        rows.append(
            [
                -s[i] * s[j] / 4 * (energy(state) - energy(state, i) - energy(state, j) + energy(state, i, j))
                for i, j in pairs
            ]
        )
    return np.array(rows)


@pytest.mark.parametrize(("shape", "kind"), GLASSES)
def test_a_glass_is_known_exactly(shape, kind):
    """All couplings of the true energy to 1e-9 J without scatter; none where there is no bond; no field."""
    true = glass(shape, kind)
    model = TrueEnergy(true)
    pairs, bond = couplings.choose_pairs(true.lattice, np.random.default_rng(0))
    expected = by_enumeration(model, pairs)
    found = couplings.recover(model, random_states(8, true.lattice.n_sites), pairs)
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert couplings.true_couplings(true, pairs) == pytest.approx(expected, abs=1e-9)
    assert np.abs(expected[~bond]).max(initial=0) < 1e-9 < np.abs(expected[bond]).max()
    assert found.error.max() < 1e-12
    assert np.abs(found.field).max() < 1e-12 and found.field_error.max() < 1e-12


def test_twins_add_up():
    """On 2x2 each pair of neighbours has two bonds, of which energies tell the sum only."""
    bonds = np.array([[1.0, 20.0], [300.0, 4000.0], [0.5, 0.06], [0.007, 0.0008]])
    true = hamiltonian.ising(Lattice((2, 2)), bonds)
    # column 0 goes down (0-2, 1-3 and back), column 1 to the right (0-1, 2-3 and back)
    expected = {(0, 1): 4020.0, (0, 2): 1.5, (0, 3): 0.0, (1, 2): 0.0, (1, 3): 300.007, (2, 3): 0.0608}
    pairs, bond = couplings.choose_pairs(true.lattice, np.random.default_rng(0))
    assert [tuple(pair) for pair in pairs.tolist()] == list(expected)
    assert bond.tolist() == [True, True, False, False, True, True]
    assert couplings.true_couplings(true, pairs) == pytest.approx(list(expected.values()), abs=1e-12)
    found = couplings.recover(TrueEnergy(true), random_states(5, 4), pairs)
    assert found.value == pytest.approx(list(expected.values()), abs=1e-9)
    assert couplings.true_couplings(true, pairs[:, ::-1]) == pytest.approx(list(expected.values()))


def test_two_state_potts():
    """-J delta(q, q') is -J/2 s s' and a constant."""
    true = hamiltonian.potts(Lattice((3, 4)), 2, 1.4)
    pairs, bond = couplings.choose_pairs(true.lattice, np.random.default_rng(0))
    found = couplings.recover(TrueEnergy(true), random_states(4, 12), pairs)
    assert found.value == pytest.approx(np.where(bond, 0.7, 0.0), abs=1e-12)
    assert couplings.true_couplings(true, pairs) == pytest.approx(np.where(bond, 0.7, 0.0), abs=1e-12)


@pytest.fixture
def planted():
    """Pairs, fields, and 60 products each of three and four spins of 4x4, with their couplings."""
    random = np.random.default_rng(3)
    terms = {tuple(pair): random.normal() for pair in all_pairs(16).tolist()}
    terms |= {(site,): random.normal() for site in range(16)}
    for size in (3, 4):
        sets = list(combinations(range(16), size))
        terms |= {sets[k]: random.normal(0, 0.5) for k in random.choice(len(sets), 60, replace=False)}
    return Planted((4, 4), terms)


def test_higher_terms_are_scatter_only(planted):
    """Products of three and four spins leave the mean where it is, within the errors that are told."""
    pairs = all_pairs(16)
    found = couplings.recover(planted, random_states(400, 16), pairs)
    expected = np.array([planted.terms[tuple(pair)] for pair in pairs.tolist()])
    touched = np.array([any(set(p) < set(sites) for sites in planted.terms) for p in pairs.tolist()])
    z = ((found.value - expected) / found.error)[touched]
    assert touched.sum() > 100 and found.error[touched].min() > 0.5 * 0.01
    assert 0.7 < (z**2).mean() < 1.4 and np.abs(z).max() < 4.5
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert found.value[~touched] == pytest.approx(expected[~touched], abs=1e-9)
    fields = np.array([planted.terms[(site,)] for site in range(16)])
    z = (found.field - fields) / found.field_error
    assert 0.3 < (z**2).mean() < 2.2 and np.abs(z).max() < 4.5


def test_error_of_one_term():
    """A term c s_0 s_1 s_4 s_5 scatters the coupling of 0 and 1 by c s_4 s_5, and no field."""
    model = Planted((3, 3), {(0, 1): 0.7, (0, 1, 4, 5): 0.3})
    states = random_states(50, 9)
    other = (2.0 * states[:, 4] - 1) * (2.0 * states[:, 5] - 1)
    found = couplings.recover(model, states, np.array([[0, 1], [4, 0], [2, 3]]))
    assert found.value[0] == pytest.approx(0.7 + 0.3 * other.mean())
    assert found.error[0] == pytest.approx(0.3 * np.sqrt((1 - other.mean() ** 2) / 49))
    assert found.error[1] > 0.03
    assert [found.value[2], found.error[2]] == pytest.approx([0, 0], abs=1e-12)
    assert np.abs(found.field).max() < 1e-12


def test_field_scatters_by_products_of_three_only():
    """Pairs and products of four drop out of a field for each configuration; products of three do not."""
    terms = {(0,): 0.4, (0, 1): 5.0, (0, 1, 2, 3): 5.0, (1, 2, 3): 0.2}
    states = random_states(30, 9)
    found = couplings.estimates(Planted((3, 3), terms), states, np.empty((0, 2), int)).fields
    spins = 2.0 * states - 1
    assert found[:, 0] == pytest.approx(np.full(30, 0.4))
    assert found[:, 1] == pytest.approx(0.2 * spins[:, 2] * spins[:, 3])
    assert found[:, 4] == pytest.approx(np.zeros(30), abs=1e-12)


def test_ordered_configurations_mix_terms():
    """What the doc string warns of: where products of spins have means, these are mixed in."""
    model = Planted((3, 3), {(0, 1): 0.7, (0, 1, 4, 5): 0.3})
    found = couplings.recover(model, np.ones((4, 9), np.uint8), np.array([[0, 1]]))
    assert found.value == pytest.approx([1.0]) and found.error == pytest.approx([0], abs=1e-12)


def test_tiles_of_their_own():
    """The EDNN's tables: within the errors the pair coefficients of the energy by enumeration."""
    tables = np.random.default_rng(4).normal(0, 1, (16, 512))
    model = EdnnEnergy(Lattice((4, 4)), 1, 1, 2, tables)
    pairs = all_pairs(16)
    expected = by_enumeration(model, pairs)
    found = couplings.recover(model, random_states(400, 16), pairs)
    z = (found.value - expected) / found.error
    assert 0.7 < (z**2).mean() < 1.4 and np.abs(z).max() < 4.5
    assert np.corrcoef(found.value, expected)[0, 1] > 0.5
    few = couplings.recover(model, random_states(25, 16), pairs)
    assert np.median(few.error / found.error) == pytest.approx(4, rel=0.2)


@pytest.mark.parametrize("architecture", ["gru", "transformer"])
def test_rnn_by_definition(architecture):
    """An RNN's couplings for every configuration, and their pair coefficients by enumeration."""
    from dcl_hpc.energy.rnn import RnnEnergy
    from dcl_hpc.networks.rnn import Gru
    from dcl_hpc.networks.transformer import Transformer
    from dcl_hpc.physics.unwrap import spiral

    lattice, random = Lattice((3, 3)), np.random.default_rng(5)
    common = {"n_states": 2, "order": spiral(lattice), "positional": True, "neighbours": lattice.neighbours}
    if architecture == "gru":
        network = Gru(random, 8, **common)
    else:
        network = Transformer(random, 8, heads=2, **common)
    for variable in network.trainable_variables:
        variable.assign(random.normal(0, 0.5, variable.shape).astype(np.float32))
    model, pairs, states = RnnEnergy(lattice, network, 4.0, 1.5), all_pairs(9), random_states(3, 9)
    found = couplings.estimates(model, states, pairs).couplings
    assert found == pytest.approx(by_definition(model, states, pairs), abs=1e-4)
    assert found.std(axis=0).min() > 1e-3
    everywhere = couplings.recover(model, all_states(2, 9), pairs)
    assert everywhere.value == pytest.approx(by_enumeration(model, pairs), abs=1e-4)


def test_definition_of_planted(planted):
    """Each configuration's couplings, for pairs in any order, one energy after another."""
    pairs, states = np.array([[3, 9], [9, 3], [0, 15], [15, 1]]), random_states(6, 16)
    found = couplings.estimates(planted, states, pairs).couplings
    assert found == pytest.approx(by_definition(planted, states, pairs), abs=1e-12)


@pytest.mark.parametrize("block", [1, 7, 137 * 2, 10_000])
def test_blocks(planted, monkeypatch, block):
    """Energies are asked for in blocks of the size that is set; the size changes nothing."""
    states, pairs = random_states(5, 16), all_pairs(16)
    whole = couplings.estimates(planted, states, pairs)
    assert planted.largest == 5 * (1 + 16 + 120)
    monkeypatch.setattr(couplings, "BLOCK", block)
    planted.largest = 0
    found = couplings.estimates(planted, states, pairs)
    assert planted.largest == min(block, 5 * (1 + 16 + 120))
    assert np.array_equal(found.couplings, whole.couplings) and np.array_equal(found.fields, whole.fields)


def test_large_lattices_go_in_small_blocks(monkeypatch):
    """The states of a block have at most so many sites."""
    monkeypatch.setattr(couplings, "BLOCK_SITES", 40)
    model = Planted((3, 3), {(0, 1): 1.0})
    found = couplings.recover(model, random_states(2, 9), all_pairs(9))
    assert model.largest == 4 and found.value[0] == pytest.approx(1)


def test_parts_make_the_whole(planted):
    """Configurations may be shared out, also to ranks that get none."""
    states, pairs = random_states(6, 16), all_pairs(16)
    whole = couplings.estimates(planted, states, pairs)
    parts = [couplings.estimates(planted, states[k], pairs) for k in (slice(0, 4), slice(4, 4), slice(4, 6))]
    assert parts[1].couplings.shape == (0, 120) and parts[1].fields.shape == (0, 16)
    for what in ("couplings", "fields"):
        joined = np.concatenate([getattr(part, what) for part in parts])
        assert np.array_equal(joined, getattr(whole, what))


def test_inputs_are_left_alone(planted):
    """Neither the configurations nor the pairs change."""
    states, pairs = random_states(3, 16), all_pairs(16)
    before = states.copy(), pairs.copy()
    couplings.recover(planted, states, pairs)
    assert np.array_equal(states, before[0]) and np.array_equal(pairs, before[1])


def test_mean_and_error():
    """The standard error is the scatter over the square root of the number."""
    values = np.array([[1.0, 5.0], [3.0, 5.0], [8.0, 5.0]])
    found = couplings.mean(couplings.Estimates(values, values[:, :1]))
    assert found.value == pytest.approx([4, 5])
    assert found.error == pytest.approx([np.sqrt(13 / 3), 0])
    assert found.field == pytest.approx([4]) and found.field_error == pytest.approx([np.sqrt(13 / 3)])


@pytest.mark.parametrize("shape", [(4, 5), (2, 3), (12, 12), (3, 4, 2)])
def test_all_pairs_of_small_lattices(shape):
    """Up to 144 sites every pair is looked at, and bonds are the neighbours on the torus."""
    lattice = Lattice(shape)
    pairs, bond = couplings.choose_pairs(lattice, np.random.default_rng(0))
    assert np.array_equal(pairs, all_pairs(lattice.n_sites))
    places = np.stack(np.unravel_index(pairs, shape), axis=-1)
    apart = np.abs(places[:, 0] - places[:, 1])
    apart = np.minimum(apart, np.array(shape) - apart)
    assert np.array_equal(bond, apart.sum(axis=1) == 1)


@pytest.mark.parametrize("shape", [(13, 13), (145,), (6, 5, 5), (24, 20)])
def test_pairs_of_large_lattices(shape):
    """Beyond, all bonds and as many other pairs, drawn anew with another key."""
    lattice = Lattice(shape)
    pairs, bond = couplings.choose_pairs(lattice, np.random.default_rng(0))
    expected = {tuple(sorted((i, int(j)))) for i in range(lattice.n_sites) for j in lattice.neighbours[i]}
    assert {tuple(pair) for pair in pairs[bond].tolist()} == expected
    assert bond.sum() == (~bond).sum() == lattice.n_sites * lattice.dimension
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    assert (pairs[:, 0] < pairs[:, 1]).all() and pairs.max() < lattice.n_sites
    assert not expected & {tuple(pair) for pair in pairs[~bond].tolist()}
    # uniform: both sites of the others, as numbers in [0, 1), are minimum and maximum of two such
    mean = pairs[~bond].mean(axis=0) / lattice.n_sites
    assert mean == pytest.approx([1 / 3, 2 / 3], abs=4 * np.sqrt(1 / 18 / bond.sum()))
    again, _ = couplings.choose_pairs(lattice, np.random.default_rng(0))
    other, _ = couplings.choose_pairs(lattice, np.random.default_rng(1))
    assert np.array_equal(pairs, again) and not np.array_equal(pairs, other)


@pytest.mark.parametrize(
    ("states", "pairs", "message"),
    [
        (np.zeros((4, 8), np.uint8), [[0, 1]], "configurations have shape"),
        (np.zeros(9, np.uint8), [[0, 1]], "configurations have shape"),
        (np.full((4, 9), 2, np.uint8), [[0, 1]], "other than 0 and 1"),
        (np.full((4, 9), -1), [[0, 1]], "other than 0 and 1"),
        (np.full((4, 9), 0.5), [[0, 1]], "other than 0 and 1"),
        (np.zeros((4, 9), np.uint8), [[0, 1, 2]], "pairs have shape"),
        (np.zeros((4, 9), np.uint8), [0, 1], "pairs have shape"),
        (np.zeros((4, 9), np.uint8), [[0.0, 1.0]], "expected integers"),
        (np.zeros((4, 9), np.uint8), [[3, 3]], "two different sites of 0 ... 8"),
        (np.zeros((4, 9), np.uint8), [[0, 9]], "two different sites"),
        (np.zeros((4, 9), np.uint8), [[-1, 2]], "two different sites"),
        (np.zeros((1, 9), np.uint8), [[0, 1]], "two configurations"),
        (np.zeros((0, 9), np.uint8), [[0, 1]], "two configurations"),
    ],
)
def test_bad_input(states, pairs, message):
    """What does not fit is refused, and says why."""
    model = Planted((3, 3), {(0, 1): 1.0})
    with pytest.raises(ValueError, match=message):
        couplings.recover(model, states, np.array(pairs))


def test_more_states_are_refused():
    """Spins have two states."""
    true = hamiltonian.potts(Lattice((3, 3)), 3)
    with pytest.raises(ValueError, match="the model has 3"):
        couplings.recover(TrueEnergy(true), np.zeros((4, 9), np.uint8), np.array([[0, 1]]))
    with pytest.raises(ValueError, match="the Hamiltonian has 3"):
        couplings.true_couplings(true, np.array([[0, 1]]))


@pytest.mark.parametrize(
    "lattice",
    [
        Lattice((3, 3), "triangular", open=(0,)), Lattice((2, 3), "honeycomb"), Lattice((4, 4), open=(1,)),
        Lattice((2, 2), "kagome", absent=(1, 6)), Lattice((4, 4), absent=(2, 9)),
    ],
    ids=str,
)  # fmt: skip
def test_couplings_and_random_fields_of_any_lattice(lattice):
    """Both are exactly what the energy has, for every configuration."""
    random = np.random.default_rng(3)
    field = hamiltonian.random_field(lattice, "gaussian", 0.7, random)
    true = hamiltonian.ising(lattice, hamiltonian.random_couplings(lattice, "gaussian", random), field)
    pairs, bond = couplings.choose_pairs(lattice, random)
    found = couplings.recover(TrueEnergy(true), random_states(3, lattice.n_sites), pairs)
    expected = couplings.true_couplings(true, pairs)
    assert found.value == pytest.approx(expected, abs=1e-9) and expected[bond].all()
    assert not expected[~bond].any() and couplings.true_fields(true) == pytest.approx(field)
    assert found.field == pytest.approx(field, abs=1e-9)


def test_couplings_of_interactions():
    """Pairs of every range and the field, with the mean of higher products around zero."""
    lattice = Lattice((4, 4), open=(0,))
    terms = (Term(((0, 0), (1, 0)), 0.5), Term(((0, 0), (2, 1)), -0.3), Term(((0, 0),), 0.2))
    model = ClusterHamiltonian(lattice, 2, terms)

    class Plain:
        n_states = 2

        def __init__(self):
            self.lattice = lattice

        def energies(self, states):
            return model.energy(states.T)

    pairs = all_pairs(16)
    found = couplings.recover(Plain(), random_states(3, 16), pairs)
    expected = couplings.true_couplings(model, pairs)
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert np.count_nonzero(expected) == 12 + 8
    assert found.field == pytest.approx(couplings.true_fields(model)) and found.field[0] == pytest.approx(0.2)
    assert not couplings.true_couplings(ClusterHamiltonian(lattice, 2, terms[2:]), pairs).any()
