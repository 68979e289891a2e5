"""Sweeps guided by a cheap energy: the distribution is that of the slow one, whatever the guide."""

import numpy as np
import pytest

from dcl_hpc.energy import guided
from dcl_hpc.energy.guided import Guide, GuidedEnergy
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.inference.local_energy import tile_model
from dcl_hpc.physics import hamiltonian
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose

CORNER = np.array([(0, 0), (0, 1), (1, 0)])


def law(lattice, n_states, seed=3, size=0.4):
    """Energies without any symmetry of tiles of three sites, as offsets and a table of mean zero."""
    table = np.random.default_rng(seed).normal(0, size, [n_states] * 3)
    for axis in range(3):  # of each site, so that places without one take nothing away
        table -= table.mean(axis=axis, keepdims=True)
    return CORNER, table.ravel()


def glass(lattice, seed=7):
    """Couplings and fields of their own at each bond and site."""
    random = np.random.default_rng(seed)
    couplings, field = random.normal(size=lattice.forward.shape), random.normal(size=lattice.n_sites)
    return TrueEnergy(hamiltonian.ising(lattice, couplings, field))


class Counted:
    """An energy model that counts evaluations and sweeps of single chains."""

    def __init__(self, model):
        self.lattice, self.n_states, self._model = model.lattice, model.n_states, model
        self.evaluated = self.swept = 0

    def energies(self, states):
        """Count, and ask."""
        self.evaluated += states.shape[1]
        return self._model.energies(states)

    def sweep(self, states, beta, streams, n_sweeps):
        """Count, and sweep."""
        self.swept += states.shape[1] * n_sweeps
        self._model.sweep(states, beta, streams, n_sweeps)


@pytest.mark.parametrize(
    ("lattice", "n_states"),
    [(Lattice((3, 3)), 2), (Lattice((2, 3), open=(0,)), 3), (Lattice((2, 4), open=(0, 1)), 2)],
)
def test_distribution(monkeypatch, lattice, n_states, p_value):
    """Of a law of pairs and a guide that knows nothing of it."""
    monkeypatch.setattr(guided, "ENOUGH", 0.0)
    model = TrueEnergy(hamiltonian.potts(lattice, n_states))
    guide = Guide.of_tiles(lattice, n_states, *law(lattice, n_states))
    check_distribution(model, guide, p_value)


@pytest.mark.parametrize("lattice", [Lattice((3, 3)), Lattice((2, 4), open=(1,))])
def test_distribution_by_pairs(monkeypatch, lattice, p_value):
    """Of a law of threes, by what its bonds and sites have of it."""
    monkeypatch.setattr(guided, "ENOUGH", 0.0)
    model = tile_model(lattice, 2, *law(lattice, 2, size=1.5)) if lattice.regular else glass(lattice)
    check_distribution(model, Guide.of_pairs(model), p_value)


def check_distribution(model, guide, p_value):
    """Chains that are guided against the exact distribution."""
    lattice, n_states, n, beta = model.lattice, model.n_states, 20_000, 0.25
    energy, every = GuidedEnergy(model, lambda: guide), all_states(n_states, lattice.n_sites)
    chains = Chains.start(energy, np.full(n, beta), range(n), 5, Purpose.SWEEP)
    chains.sweep(energy, 80)
    weight = np.exp(-beta * model.energies(every.T.copy()))
    numbers = n_states ** np.arange(lattice.n_sites)[::-1] @ chains.states.astype(int)
    counts, expected = np.bincount(numbers, minlength=len(every)), n * weight / weight.sum()
    assert 1e-4 < p_value(counts, expected) < 1 - 1e-4


SQUARE = Lattice((2, 2), open=(0, 1))


@pytest.mark.parametrize(
    "guide", [Guide.of_tiles(SQUARE, 2, *law(SQUARE, 2, size=1.0)), Guide.of_pairs(glass(SQUARE))]
)
def test_guide_is_balanced(guide):
    """A sweep ahead and one back: in equilibrium as many chains go from one state to another as come back."""
    beta, n, every = 0.8, 200_000, all_states(2, 4)
    weight = np.exp(-beta * guide.energies(every.T.copy()))
    random = np.random.default_rng(6)
    before = random.choice(16, n, p=weight / weight.sum())
    states, streams = every[before].T.copy(), random.integers(0, 2**32, (4, n), np.uint32)
    guide.sweep(states, np.full(n, beta), streams)
    moves = np.bincount(16 * before + 2 ** np.arange(4)[::-1] @ states, minlength=256).reshape(16, 16)
    upper = np.triu_indices(16, 1)
    difference, total = (moves - moves.T)[upper], (moves + moves.T)[upper]
    z = (difference / np.sqrt(np.maximum(total, 1)))[total >= 10]
    assert len(z) > 80
    assert abs((z**2).sum() - len(z)) < 4 * np.sqrt(2 * len(z))


def test_cost_and_bits():
    """One evaluation a sweep, none of what is known; the same bits however sweeps are cut into calls."""
    lattice = Lattice((4, 4))
    model = Counted(tile_model(lattice, 2, *law(lattice, 2)))
    starts = []
    for cuts in ((6,), (1, 2, 3)):
        guide = Guide.of_tiles(lattice, 2, *law(lattice, 2, seed=4))
        energy = GuidedEnergy(model, lambda guide=guide: guide)
        chains = Chains.start(energy, np.full(300, 0.4), range(300), 1, Purpose.SWEEP)
        model.evaluated = model.swept = 0
        for n_sweeps in cuts:
            chains.sweep(energy, n_sweeps)
            found = energy.energies(chains.states)
        assert (model.evaluated, model.swept) == (7 * 300 + guided.TRIED, 0)
        assert np.array_equal(found, model.energies(chains.states))
        starts.append(chains)
    assert np.array_equal(starts[0].states, starts[1].states)
    assert np.array_equal(starts[0].streams, starts[1].streams)


def test_exact_guide_is_always_followed():
    """Where the guide is the energy, no proposal is refused; a chain is the same among others."""
    lattice = Lattice((4, 4))
    model, guide = tile_model(lattice, 2, *law(lattice, 2)), Guide.of_tiles(lattice, 2, *law(lattice, 2))
    energy = GuidedEnergy(model, lambda: guide)
    many = Chains.start(energy, np.full(50, 0.4), range(50), 1, Purpose.SWEEP)
    one = Chains.start(energy, np.full(1, 0.4), [7], 1, Purpose.SWEEP)
    many.sweep(energy, 5)
    one.sweep(GuidedEnergy(model, lambda: guide), 5)
    assert np.array_equal(many.states[:, 7:8], one.states)


def test_poor_guide_is_left_alone():
    """Sweeps are those of the slow energy where a guide is far from it."""
    lattice = Lattice((4, 4))
    model = Counted(tile_model(lattice, 2, *law(lattice, 2, size=8.0)))
    energy = GuidedEnergy(model, lambda: Guide.of_tiles(lattice, 2, *law(lattice, 2, seed=4)))
    chains, same = (Chains.start(model, np.full(9, 1.0), range(9), 1, Purpose.SWEEP) for _ in range(2))
    chains.sweep(energy, 3)
    assert model.swept == 27
    same.sweep(model, 3)
    assert np.array_equal(chains.states, same.states)


@pytest.mark.parametrize(
    "lattice", [Lattice((4, 3)), Lattice((2, 3)), Lattice((3, 4), open=(0,), absent=(0, 11))]
)
def test_pairs_of_a_glass_are_all_of_it(lattice):
    """Bonds across a seam, two between the same sites, and sites that are absent."""
    model = glass(lattice)
    states = np.random.default_rng(2).integers(0, 2, (lattice.n_sites, 50), np.uint8)
    apart = Guide.of_pairs(model).energies(states) - model.energies(states)
    assert np.abs(apart - apart[0]).max() < 1e-5


@pytest.mark.parametrize(
    "guide",
    [
        lambda lattice: Guide.of_tiles(lattice, 2, *law(lattice, 2)),
        lambda lattice: Guide.of_pairs(glass(lattice)),
    ],
)
def test_lattice_without_a_mirror_image(guide):
    """A hole in a corner: no guide, and the sweeps are the energy's own."""
    lattice = Lattice((3, 4), open=(0, 1), absent=(0,))
    with pytest.raises(ValueError, match="mirror image"):
        guide(lattice)
    model = Counted(glass(lattice))
    chains = Chains.start(model, np.full(9, 1.0), range(9), 1, Purpose.SWEEP)
    chains.sweep(GuidedEnergy(model, lambda: guide(lattice)), 3)
    assert (model.swept, model.evaluated) == (27, 0)
