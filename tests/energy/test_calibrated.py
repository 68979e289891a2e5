"""Networks' energies beside a local one: differences, sums, sweeps, and errors."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

from types import SimpleNamespace

import numpy as np
import pytest

from dcl_hpc.energy import direct
from dcl_hpc.energy.calibrated import CalibratedEnergy, differences
from dcl_hpc.energy.ednn import EdnnEnergy, TileNetworkEnergy
from dcl_hpc.energy.rnn import RnnEnergy
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.inference.local_energy import LocalEnergy
from dcl_hpc.networks.rnn import Gru
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.hamiltonian import ising
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.tiles import box
from dcl_hpc.physics.unwrap import spiral
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose
from dcl_hpc.sampling.tile_tables import TileTables

LATTICE, Q = Lattice((2, 3)), 3


def rnn():
    """One with random weights."""
    random = np.random.default_rng(1)
    network = Gru(
        random, 4, n_states=Q, order=spiral(LATTICE), positional=True, neighbours=LATTICE.neighbours
    )
    for variable in network.trainable_variables:
        variable.assign(random.normal(0, 0.8, variable.shape).astype(np.float32))
    return RnnEnergy(LATTICE, network, 4.0, 2.5)


def tiles():
    """Tables of tiles of three sites in a row."""
    return TileTables(
        LATTICE, Q, np.array([(0, 0), (0, 1), (0, 2)]), np.random.default_rng(2).normal(size=27)
    )


def networks():
    """A network of every site."""
    random = np.random.default_rng(3)
    arrays = {
        "weights_0": random.normal(size=(Q, 5)), "biases_0": random.normal(size=5),
        "weights_1": random.normal(size=(5, 1)), "biases_1": random.normal(size=1),
    }  # fmt: skip
    return TileNetworkEnergy(LATTICE, 1, 0, Q, arrays, 1.5)


MODELS = pytest.mark.parametrize("make", [rnn, tiles, networks])


def beside():
    """A local energy of pairs along the rows."""
    pairs = np.random.default_rng(4).normal(size=Q**2)
    return TileTables(LATTICE, Q, np.array([(0, 0), (0, 1)]), pairs)


@MODELS
def test_differences_are_those_of_whole_configurations(make):
    """For every site and state; the given configurations stay as they are."""
    model, states = make(), all_states(Q, 6)[::37]
    found = differences(model, states)
    present = model.energies(states.T.copy())
    for site in range(6):
        for state in range(Q):
            changed = states.copy()
            changed[:, site] = state
            cost = model.energies(changed.T.copy()) - present
            assert found[:, site, state] == pytest.approx(cost, abs=2e-5)


@MODELS
def test_energies_add(make):
    """0.7 of the one, and all of the other."""
    model, other, states = make(), beside(), all_states(Q, 6).T.copy()
    both = model.plus(other, 0.7).energies(states)
    assert both == pytest.approx(0.7 * model.energies(states) + other.energies(states), abs=2e-5)


@MODELS
def test_stationary_distribution(p_value, make):
    """Configurations occur with the probabilities of the sum."""
    model, n, beta = make().plus(beside(), 0.7), 10_000, 0.4
    chains = Chains.start(model, np.full(n, beta), range(n), 5, Purpose.SWEEP)
    model.sweep(chains.states, chains.beta, chains.streams, 30)
    counts = np.bincount(Q ** np.arange(5, -1, -1) @ chains.states, minlength=Q**6)
    weight = np.exp(-beta * model.energies(all_states(Q, 6).T.copy()))
    assert 1e-4 < p_value(counts, n * weight / weight.sum()) < 1 - 1e-4


@pytest.mark.parametrize(
    ("shape", "focus", "opened"), [((8, 8), 2, ()), ((6, 6), 1, ()), ((6, 5), 1, (0, 1))]
)
def test_small_tiles_are_part_of_large_ones(shape, focus, opened):
    """One table where all tiles are alike, else tiles of both kinds; energies add."""
    lattice, random = Lattice(shape, open=opened), np.random.default_rng(6)

    def table(seed):
        def energies(present):
            return np.random.default_rng(seed + int(present.sum())).normal(size=2 ** int(present.sum()))

        return energies if opened else energies(np.ones((focus + 2) ** 2 if seed == 1 else 4))

    large = EdnnEnergy(lattice, focus, 1, 2, table(1))
    small = TileTables(lattice, 2, box(2, 2, 0), table(50))
    both = large.plus(small, 0.3)
    assert (len(both.tiles.tables) == 1) == (not opened)
    states = random.integers(0, 2, (lattice.n_sites, 30), np.uint8)
    expected = 0.3 * large.energies(states) + small.energies(states)
    assert both.energies(states) == pytest.approx(expected, abs=1e-4)


def test_scale_of_a_glass():
    """Beside no interaction the tiles, each with a table of its own, stay as many as they are."""
    lattice, random = Lattice((4, 4)), np.random.default_rng(8)
    model = EdnnEnergy(lattice, 1, 1, 2, random.normal(size=(16, 2**9)))
    nothing = LocalEnergy.nothing(2, 2).model(lattice)
    scaled, states = model.plus(nothing, 0.9), random.integers(0, 2, (16, 30), np.uint8)
    assert scaled.energies(states) == pytest.approx(0.9 * model.energies(states), abs=1e-4)
    assert len(scaled.tiles.sites) == 16


def test_a_glass_is_guided_by_its_pairs():
    """A slow network without interactions beside it: one energy a sweep, none of its own sweeps."""
    lattice, asked = Lattice((3, 4)), []
    random = np.random.default_rng(9)
    model = TrueEnergy(ising(lattice, random.normal(size=lattice.forward.shape)))
    scaled = SimpleNamespace(
        lattice=lattice, n_states=2,
        energies=lambda states: asked.append(states.shape[1]) or model.energies(states),
        sweep=None,
    )  # fmt: skip
    network = SimpleNamespace(lattice=lattice, n_states=2, plus=lambda other, weight: scaled)
    settings = {"weight": 0.98, "functions": [], "offsets": [[0, 0]], "interactions": []}
    arrays = {"table": np.zeros(2), "projection": np.zeros(0), "covariance": np.array([[1e-4]])}
    energy = CalibratedEnergy(network, settings, arrays, slow=True)
    chains = Chains.start(model, np.full(7, 0.5), range(7), 1, Purpose.SWEEP)
    chains.sweep(energy, 1)
    asked.clear()
    chains.sweep(energy, 3)
    assert asked == [7, 7, 7]


def test_errors_follow_from_the_covariance():
    """Of the weight and a coupling: squares of modes add up to the variance of the energy."""
    model, covariance = tiles(), np.array([[0.04, 0.01], [0.01, 0.09]])
    function = [{"sites": [(0, 0), (0, 1)], "charges": (1, 2), "phase": "cos", "sign": 1}]
    settings = {"weight": 0.6, "functions": [function], "offsets": [[0, 0], [0, 1]]}
    arrays = {"table": np.zeros(9), "projection": np.array([0.3]), "covariance": covariance}
    energy, states = CalibratedEnergy(model, settings, arrays), all_states(Q, 6).T.copy()
    turns = states[LATTICE.placed(np.array([(0, 0), (0, 1)]))].astype(int)
    total = np.cos(2 * np.pi / 3 * (turns[:, 0] - turns[:, 1])).sum(axis=0)
    slopes = np.stack([model.energies(states) + 0.3 * total, -total])
    assert energy.errors(states) ** 2 == pytest.approx(np.einsum("ac,ab,bc->c", slopes, covariance, slopes))


def test_a_network_is_not_asked_for_what_is_known():
    """Energies and errors follow from its own energies, if these are given."""
    function = [{"sites": [(0, 0), (0, 1)], "charges": (1, 2), "phase": "cos", "sign": 1}]
    settings = {"weight": 0.6, "functions": [function], "offsets": [[0, 0], [0, 1]]}
    arrays = {"table": np.arange(9.0), "projection": np.array([0.3]), "covariance": np.diag([0.04, 0.09])}
    energy, states = CalibratedEnergy(rnn(), settings, arrays), all_states(Q, 6).T.copy()
    own = rnn().energies(states)
    assert energy.energies(states, own) == pytest.approx(energy.energies(states), abs=2e-5)
    assert energy.energies(states, own + 1) == pytest.approx(energy.energies(states) + 0.6, abs=2e-5)
    assert energy.errors(states, own) == pytest.approx(energy.errors(states), abs=2e-5)
    assert np.abs(energy.errors(states, own + 1) - energy.errors(states)).max() > 0.01


def test_errors_of_a_scale_alone(monkeypatch):
    """Without interactions the error is that of the weight times the energy, also of many configurations."""
    monkeypatch.setattr(direct, "CHUNK", 60)
    settings = {"weight": 0.9, "functions": [], "offsets": [[0, 0]]}
    arrays = {"table": np.zeros(Q), "projection": np.zeros(0), "covariance": np.array([[0.04]])}
    energy, states = CalibratedEnergy(tiles(), settings, arrays), all_states(Q, 6).T.copy()
    assert energy.errors(states) == pytest.approx(0.2 * np.abs(tiles().energies(states)))
    assert energy.energies(states) == pytest.approx(0.9 * tiles().energies(states), abs=1e-5)
