"""The EDNN as a sum over tiles, in TensorFlow, in numpy and as a table."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import pytest

from dcl_hpc.energy.ednn import EdnnEnergy
from dcl_hpc.energy.tile_networks import tabulate, tile_energies
from dcl_hpc.networks.ednn import Ednn
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.tiles import Tiling

# n_states, shape, focus, context
CASES = [(2, (6, 6), 2, 1), (3, (4, 4), 1, 1), (2, (4, 6), 2, 0), (4, (4, 4), 2, 0), (2, (2, 4, 2), 2, 0)]
cases = pytest.mark.parametrize(("q", "shape", "focus", "context"), CASES)


def build(q, shape, focus, context):
    """A random network, and its arrays by name."""
    tiling = Tiling(Lattice(shape), focus, context)
    network = Ednn(q, tiling.sites, (7, 5), -3.0, 2.5, np.random.default_rng(1))
    random = np.random.default_rng(2)
    for variable in network.biases[:-1]:
        variable.assign(random.normal(0, 0.3, variable.shape))
    return network, {v.name.split(":")[0]: v.numpy() for v in network.trainable_variables}


def random_states(q, shape, n=30):
    """Uniformly random configurations, (n, n_sites)."""
    return np.random.default_rng(3).integers(0, q, (n, int(np.prod(shape)))).astype(np.uint8)


@cases
def test_energy_is_the_sum_over_tiles(q, shape, focus, context):
    """TensorFlow's energy is the sum of one numpy network over windows cut by hand."""
    network, arrays = build(q, shape, focus, context)
    states = random_states(q, shape)
    tile = tile_energies(arrays, network.scale, q)
    side, expected = focus + 2 * context, np.zeros(len(states))
    grid = states.reshape(-1, *shape)
    axes = tuple(range(1, len(shape) + 1))
    for corner in np.ndindex(*[n // focus for n in shape]):
        shifted = np.roll(grid, [context - focus * c for c in corner], axes)
        window = shifted[(slice(None), *[slice(0, side)] * len(shape))]
        expected += tile(window.reshape(len(states), -1))
    assert network.energy(states).numpy() == pytest.approx(expected, rel=1e-4, abs=1e-4)


@cases
def test_table_energies_are_network_energies(q, shape, focus, context):
    """Tabulated energies differ from the network's by a constant, and average to zero over all tiles."""
    network, arrays = build(q, shape, focus, context)
    states = random_states(q, shape)
    table = tabulate(tile_energies(arrays, network.scale, q), q, network.tiles.shape[1])
    assert table.mean(dtype=float) == pytest.approx(0, abs=1e-5)
    energy = EdnnEnergy(Lattice(shape), focus, context, q, table).energies(states.T.copy())
    difference = energy - network.energy(states).numpy()
    assert difference.std() < 1e-4
    assert energy.std() > 0.1


@cases
def test_energy_is_extensive(q, shape, focus, context):
    """A periodic doubling of a configuration along any axis has twice the energy."""
    network, arrays = build(q, shape, focus, context)
    table = tabulate(tile_energies(arrays, network.scale, q), q, network.tiles.shape[1])
    states = random_states(q, shape)
    energy = EdnnEnergy(Lattice(shape), focus, context, q, table).energies(states.T.copy())
    for axis in range(len(shape)):
        doubled = np.concatenate([states.reshape(-1, *shape)] * 2, axis=axis + 1)
        larger = EdnnEnergy(Lattice(doubled.shape[1:]), focus, context, q, table)
        assert larger.energies(doubled.reshape(len(states), -1).T.copy()) == pytest.approx(
            2 * energy, abs=1e-6
        )


@cases
def test_translation_by_the_focus_changes_nothing(q, shape, focus, context):
    """Shifting a configuration by f sites permutes the tiles."""
    network, _ = build(q, shape, focus, context)
    states = random_states(q, shape)
    energy = network.energy(states).numpy()
    for axis in range(len(shape)):
        shifted = np.roll(states.reshape(-1, *shape), focus, axis=axis + 1).reshape(len(states), -1)
        assert network.energy(shifted).numpy() == pytest.approx(energy, rel=1e-5, abs=1e-4)


def test_translation_by_less_than_the_focus_does():
    """With f = 2 a shift by one site makes other tiles."""
    network, _ = build(2, (6, 6), 2, 1)
    states = random_states(2, (6, 6))
    shifted = np.roll(states.reshape(-1, 6, 6), 1, axis=1).reshape(-1, 36)
    assert np.abs(network.energy(shifted).numpy() - network.energy(states).numpy()).max() > 0.1


def test_two_states_enter_as_spins():
    """For Q = 2 the network's input is s = 2 q - 1: a linear network is odd under a global flip."""
    tiling = Tiling(Lattice((4, 4)), 1, 1)
    network = Ednn(2, tiling.sites, (), 0.0, 1.0, np.random.default_rng(1))
    states = random_states(2, (4, 4))
    energy = network.energy(states).numpy()
    assert network.energy(1 - states).numpy() == pytest.approx(-energy, abs=1e-5)
    weights = network.weights[0].numpy()[:, 0]
    expected = ((2.0 * states - 1)[:, tiling.sites] @ weights).sum(axis=1)
    assert energy == pytest.approx(expected, abs=1e-4)


def test_three_states_enter_one_hot():
    """For Q > 2 each state has an input of its own: a linear network adds one weight per place and state."""
    tiling = Tiling(Lattice((4, 4)), 1, 1)
    network = Ednn(3, tiling.sites, (), 0.0, 1.0, np.random.default_rng(1))
    assert network.weights[0].shape == (27, 1)
    weights = network.weights[0].numpy().reshape(9, 3)
    states = random_states(3, (4, 4))
    expected = [
        sum(weights[p, s[site]] for tile in tiling.sites for p, site in enumerate(tile)) for s in states
    ]
    assert network.energy(states).numpy() == pytest.approx(expected, abs=1e-4)


def test_a_new_network_starts_at_the_mean():
    """Without weights the energy of every configuration is the stated mean."""
    network = Ednn(2, Tiling(Lattice((6, 6)), 2, 1).sites, (4,), -12.0, 3.0, np.random.default_rng(1))
    network.weights[-1].assign(np.zeros((4, 1)))
    assert network.energy(random_states(2, (6, 6))).numpy() == pytest.approx(-12.0, rel=1e-5)


def test_tables_too_large_are_refused():
    """3^16 entries are beyond the limit of 2^24."""
    with pytest.raises(ValueError, match="at most"):
        tabulate(lambda states: np.zeros(len(states)), 3, 16)


def test_table_entries_are_numbered_by_state():
    """The first site is the most significant digit, and the mean is called zero."""
    table = tabulate(lambda states: states @ np.array([100.0, 10.0, 1.0]), 3, 3)
    assert table[5] - table[0] == pytest.approx(12)
    assert table[9] - table[0] == pytest.approx(100)
    assert table[0] == pytest.approx(-111)


@pytest.mark.parametrize(
    ("q", "shape", "focus", "context", "shared"),
    [(2, (3, 4), 1, 1, True), (3, (2, 3), 1, 0, True), (3, (2, 4), 2, 0, False), (2, (2, 4), 2, 0, True)],
)
def test_pseudo_likelihood_is_that_of_the_energy(q, shape, focus, context, shared):
    """The sum of ln P(s_i | rest), each normalised over the states of site i by enumeration."""
    tiles = Tiling(Lattice(shape), focus, context).sites
    network = Ednn(q, tiles, (6,), 0.3, 2.0, np.random.default_rng(1), shared)
    n_sites, temperature = int(np.prod(shape)), 3.0
    states = all_states(q, n_sites)
    weight = np.exp(-network.energy(states).numpy().astype(float) / temperature)
    expected, place = np.zeros(len(states)), q ** np.arange(n_sites - 1, -1, -1)
    for site in range(n_sites):
        total = np.zeros(len(states))
        for state in range(q):
            other = states.astype(int)
            other[:, site] = state
            total += weight[other @ place]
        expected += np.log(weight / total)
    found = network.pseudo_log_likelihood(states, temperature).numpy()
    assert found == pytest.approx(expected, abs=1e-4)
    assert expected.std() > 0.1


@cases
def test_tiles_of_their_own(q, shape, focus, context):
    """With the same weights in every tile they are one shared network; else a shift changes the energy."""
    tiles = Tiling(Lattice(shape), focus, context).sites
    own = Ednn(q, tiles, (7, 5), -3.0, 2.5, np.random.default_rng(1), shared=False)
    shared, _ = build(q, shape, focus, context)
    states = random_states(q, shape)
    shifted = np.roll(states.reshape(-1, *shape), focus, axis=1).reshape(len(states), -1)
    if shape[0] > focus:
        assert np.abs(own.energy(shifted).numpy() - own.energy(states).numpy()).max() > 0.1
    for mine, common in zip(own.trainable_variables, shared.trainable_variables, strict=True):
        mine.assign(np.broadcast_to(common.numpy(), mine.shape))
    assert own.energy(states).numpy() == pytest.approx(shared.energy(states).numpy(), rel=1e-4, abs=1e-4)
