"""The EDNN where sites are absent: sums over tiles, pseudo-likelihood, tables, the zero of energy."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import pytest

from dcl_hpc.energy.ednn import EdnnEnergy, TileNetworkEnergy, references, sums_of_patterns
from dcl_hpc.energy.tile_networks import tables_of
from dcl_hpc.networks.ednn import Ednn
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.tiles import Tiling
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose

# n_states, tiles
CASES = {
    "open": (2, Tiling(Lattice((4, 6), open=(0, 1)), 2, 1)),
    "holed": (3, Tiling(Lattice((4, 4), absent=(5, 6, 15)), 1, 1, "ball")),
    "triangular": (2, Tiling(Lattice((4, 4), "triangular", open=(0,)), 1, 1, "ball")),
    "rows": (2, Tiling(Lattice((4, 5), "triangular_rows"), 1, 1, "ball")),
    "honeycomb": (2, Tiling(Lattice((3, 3), "honeycomb"), 1, 2, "ball")),
    "kagome": (3, Tiling(Lattice((3, 2), "kagome"), 1, 1, "ball")),
    "kagome cells": (2, Tiling(Lattice((2, 3), "kagome", absent=(3,)), 2, 1)),
    "cubic": (2, Tiling(Lattice((3, 3, 3), open=(2,), absent=(13,)), 1, 1, "ball")),
}
cases = pytest.mark.parametrize(("q", "tiling"), CASES.values(), ids=CASES)
# of so few sites that all configurations can be listed
SMALL = {
    "open": (2, Tiling(Lattice((2, 4), open=(0, 1)), 2, 1)),
    "holed": (2, Tiling(Lattice((3, 4), absent=(4, 5, 9)), 1, 1)),
    "triangular": (3, Tiling(Lattice((3, 3), "triangular", open=(0, 1), absent=(8, 4)), 1, 1, "ball")),
    "honeycomb": (2, Tiling(Lattice((2, 3), "honeycomb", absent=(2,)), 1, 1, "ball")),
    "kagome": (2, Tiling(Lattice((2, 2), "kagome", open=(0,)), 1, 1, "ball")),
    "cubic": (2, Tiling(Lattice((3, 2, 2), open=(0, 1, 2), absent=(4,)), 1, 1, "ball")),
}
small = pytest.mark.parametrize(("q", "tiling"), SMALL.values(), ids=SMALL)


def build(q, tiling, shared=True):
    """A random network, and its arrays by name."""
    network = Ednn(q, tiling.sites, (7, 5), -3.0, 2.5, np.random.default_rng(1), shared)
    random = np.random.default_rng(2)
    for variable in network.biases[:-1]:
        variable.assign(random.normal(0, 0.3, variable.shape))
    return network, {v.name.split(":")[0]: v.numpy().astype(float) for v in network.trainable_variables}


def by_hand(q, tiling, arrays, scale, states):
    """Energies, (n,): each place of each tile by its coordinates, inputs 0 where there is no site."""
    lattice, sites = tiling.lattice, {}
    for k, point in enumerate(lattice.coordinates):
        sites[tuple(lattice.wrapped(point).tolist())] = k
    one_hot = np.array([[-1.0], [1.0]]) if q == 2 else np.eye(q)
    step = tiling.focus * np.ones(lattice.dimension, int)
    total, origins = np.zeros(len(states)), lattice.coordinates // step * step
    for origin in np.unique(origins, axis=0):
        inputs = np.zeros((len(states), len(tiling.offsets), one_hot.shape[1]))
        for place, offset in enumerate(tiling.offsets):
            site = sites.get(tuple(lattice.wrapped(origin + offset).tolist()))
            if site is not None:
                inputs[:, place] = one_hot[states[:, site]]
        x = inputs.reshape(len(states), -1)
        for k in range(3):
            x = (np.maximum(x, 0) if k else x) @ arrays[f"weights_{k}"] + arrays[f"biases_{k}"]
        total += scale * x[:, 0]
    return total


def random_states(q, lattice, n=40):
    """Uniformly random configurations, (n, n_sites)."""
    return np.random.default_rng(3).integers(0, q, (n, lattice.n_sites)).astype(np.uint8)


@cases
def test_energy_is_the_sum_over_tiles(q, tiling):
    """In TensorFlow, in numpy, and from tables, which differ by a constant."""
    network, arrays = build(q, tiling)
    states = random_states(q, tiling.lattice)
    expected = by_hand(q, tiling, arrays, network.scale, states)
    assert expected.std() > 0.1
    assert network.energy(states).numpy() == pytest.approx(expected, rel=1e-4, abs=1e-3)
    where = tiling.lattice, tiling.focus, tiling.context, q
    by_network = TileNetworkEnergy(*where, arrays, network.scale, form=tiling.form)
    assert by_network.energies(states.T.copy()) == pytest.approx(expected, rel=1e-4, abs=1e-3)
    by_table = EdnnEnergy(*where, tables_of(arrays, network.scale, q), tiling.form)
    difference = by_table.energies(states.T.copy()) - expected
    assert np.ptp(difference) < 1e-3


@cases
def test_tables_and_networks_take_the_same_decisions(q, tiling):
    """From the same random numbers, up to rounding."""
    network, arrays = build(q, tiling)
    where = tiling.lattice, tiling.focus, tiling.context, q
    by_network = TileNetworkEnergy(*where, arrays, network.scale, form=tiling.form)
    by_table = EdnnEnergy(*where, tables_of(arrays, network.scale, q), tiling.form)
    beta = np.linspace(-0.5, 1.0, 100)
    one, two = (Chains.start(by_table, beta, range(100), 7, Purpose.SWEEP) for _ in range(2))
    one.sweep(by_table, 4)
    two.sweep(by_network, 4)
    assert (one.states != two.states).any(axis=0).mean() < 0.03
    assert np.array_equal(one.streams, two.streams)


@small
@pytest.mark.parametrize("shared", [True, False])
def test_pseudo_likelihood_is_that_of_the_energy(q, tiling, shared):
    """The sum of ln P(s_i | rest) over the sites that exist, by enumeration."""
    network, _ = build(q, tiling, shared)
    n_sites, temperature = tiling.lattice.n_sites, 3.0
    states = all_states(q, n_sites)
    weight = np.exp(-network.energy(states).numpy().astype(float) / temperature)
    codes, powers = np.arange(len(states)), q ** np.arange(n_sites - 1, -1, -1)
    expected = np.zeros(len(states))
    for site in range(n_sites):
        base = codes - states[:, site].astype(int) * powers[site]
        expected += np.log(weight / sum(weight[base + k * powers[site]] for k in range(q)))
    found = network.pseudo_log_likelihood(states, temperature).numpy()
    assert found == pytest.approx(expected, abs=2e-4)
    assert expected.std() > 0.1


@small
def test_the_mean_over_all_configurations_is_zero(q, tiling):
    """Of tables, and of networks with the means that were found for each pattern of places."""
    network, arrays = build(q, tiling)
    states = all_states(q, tiling.lattice.n_sites)
    where = tiling.lattice, tiling.focus, tiling.context, q
    energies = EdnnEnergy(*where, tables_of(arrays, network.scale, q), tiling.form).energies(states.T.copy())
    assert energies.mean() == pytest.approx(0, abs=1e-4)
    assert energies.std() > 0.1
    sums = sums_of_patterns(tiling, network.tile_energies(states).numpy().astype(float)).mean(axis=1)
    means = references(tiling, sums)
    total = sum(means["".join(map(str, row.astype(int)))] for row in tiling.sites >= 0)
    assert total == pytest.approx(by_hand(q, tiling, arrays, network.scale, states).mean(), abs=1e-3)
