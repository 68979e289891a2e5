"""Couplings of single bonds from observations: likelihood, errors, fields."""

import numpy as np
import pytest

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.inference import bonds as bonds_module
from dcl_hpc.inference import glass, likelihood
from dcl_hpc.inference.bonds import Bonds, Spins
from dcl_hpc.physics.hamiltonian import ising
from dcl_hpc.physics.lattice import ABSENT, Lattice

TEMPERATURE = 3.0


def lattice_glass(field=0.0, shape=(5, 5), opened=()):
    """A glass with its couplings, of pairs in the order of `Bonds`."""
    lattice = Lattice(shape, open=opened)
    drawn = np.random.default_rng(4).normal(size=lattice.forward.shape)
    energy = TrueEnergy(ising(lattice, drawn, field))
    found = Bonds.of(lattice, fields=False).pairs @ [lattice.n_sites, 1]
    place = np.searchsorted(found, np.sort(lattice.bonds) @ [lattice.n_sites, 1])
    return lattice, energy, np.bincount(place, drawn[lattice.forward >= 0])


def samples(energy, make, n, seed=1):
    """Observations of an energy."""
    return Spins.of(make.sample(energy, TEMPERATURE, n, seed), TEMPERATURE)


@pytest.mark.parametrize("share", [None, 0.7])
@pytest.mark.parametrize("absent", [False, True])
def test_likelihood_is_that_of_all_conditionals(share, absent, monkeypatch):
    """Value, gradient and curvature of the logarithm, written out, by every way that computes them."""
    lattice, random = Lattice((3, 4)), np.random.default_rng(1)
    states = random.integers(0, 2, (60, 12), np.uint8)
    if absent:
        states[random.random(states.shape) < 0.2] = ABSENT
    functions = Bonds.of(lattice, fields=True).take(np.arange(2, 33))
    spins = Spins.of(states, TEMPERATURE, blocks=np.arange(60) // 2)
    k = random.normal(scale=0.4, size=len(functions))
    if share is not None:
        given = random.normal(size=(60, 12, 2)).astype(np.float32)
        spins, k = spins.some(np.arange(60), given), np.append(k, share)

    told = states != ABSENT  # and all that the site has a function with
    for i, j in functions.pairs:
        told[:, i] &= states[:, j] != ABSENT
        told[:, j] &= states[:, i] != ABSENT

    def logarithm(k):
        s = np.where(states == ABSENT, 0.0, 2.0 * states - 1)
        field = np.zeros(s.shape)
        for value, (i, j) in zip(k, functions.pairs, strict=False):
            field[:, i] += value * s[:, j]
            field[:, j] += value * s[:, i]
        field[:, functions.sites] += k[len(functions.pairs) : len(functions)]
        exponent = 2 * s * field
        if share is not None:
            exponent += s * k[-1] * (given[:, :, 1] - given[:, :, 0])
        return -(np.log1p(np.exp(-exponent)) * told).sum()

    value, scores, gradient, h = functions.evaluation(spins)(k, 1)
    scores = scores() if callable(scores) else scores
    monkeypatch.setattr(bonds_module, "MOST_STATES", 0)
    other = functions.evaluation(spins)(k, 1)
    steps = 1e-4 * np.eye(len(k))
    slopes = [(logarithm(k + step) - logarithm(k - step)) / 2e-4 for step in steps]
    assert value == pytest.approx(logarithm(k), rel=1e-9) == other[0]
    assert gradient == pytest.approx(slopes, abs=1e-5)
    assert scores.sum(axis=0) == pytest.approx(gradient, abs=1e-9)
    for own, by_samples in zip((scores, gradient, h), other[1:], strict=True):
        assert own == pytest.approx(by_samples, abs=1e-9)
    up = functions.evaluation(spins)(k + steps[0], 1)[2]
    down = functions.evaluation(spins)(k - steps[0], 1)[2]
    assert h[0] == pytest.approx((down - up) / 2e-4, abs=1e-4)
    assert h == pytest.approx(h.T)


@pytest.mark.parametrize("shape, opened", [((5, 5), ()), ((4, 5), (0,)), ((2, 6), ())])
def test_errors_are_those_of_independent_samples(make, shape, opened):
    """z of all couplings over independent sets; two bonds between the same sites are one."""
    lattice, energy, true = lattice_glass(shape=shape, opened=opened)
    z = []
    for seed in range(8):
        found = glass.fit(samples(energy, make, 2000, seed), lattice)
        assert len(found.interactions.sites) == 0
        z.append((found.coupling - true) / found.error)
    assert 0.85 < np.sqrt(np.mean(np.square(z))) < 1.15
    assert np.abs(np.mean(z, axis=0)).max() < 4 / np.sqrt(8)


def test_fields_are_found_where_there_are_any(make):
    """Of all sites or of one, with errors; without any none are fitted, but for one time in a hundred."""
    for field in (0.15, np.where(np.arange(25) == 7, 0.6, 0.0)):
        lattice, energy, true = lattice_glass(field)
        found = glass.fit(samples(energy, make, 3000), lattice)
        z = (found.coupling - np.concatenate([true, np.broadcast_to(field, 25)])) / found.error
        assert 0.8 < np.sqrt(np.mean(z**2)) < 1.2
    lattice, energy, _ = lattice_glass()
    chosen = [
        len(glass.fit(samples(energy, make, 500, seed), lattice).interactions.sites) for seed in range(30)
    ]
    assert np.count_nonzero(chosen) <= 2


def test_chance_is_uniform_where_nothing_is_there():
    """Also of values that are correlated, and whose covariance has no inverse."""
    random = np.random.default_rng(3)
    mixing = random.normal(size=(40, 15))
    values = random.normal(size=(500, 15)) @ mixing.T
    chances = [glass._chance(row, mixing @ mixing.T) for row in values]
    assert np.quantile(chances, [0.05, 0.5, 0.95]) == pytest.approx([0.05, 0.5, 0.95], abs=0.06)


def test_copies_tell_nothing_new(make):
    """Each configuration four times, in one block: the same couplings with the same errors."""
    lattice, energy, _ = lattice_glass()
    once = samples(energy, make, 1000)
    blocks = np.arange(1000).repeat(4)
    copied = Spins.of(once.states.repeat(4, axis=0), TEMPERATURE, blocks)
    found, again = glass.fit(once, lattice), glass.fit(copied, lattice)
    assert again.coupling == pytest.approx(found.coupling, abs=1e-8)
    assert again.covariance == pytest.approx(found.covariance, rel=1e-6, abs=1e-9)


def test_groups_are_whole_blocks(monkeypatch):
    """However few groups there are, and whatever the order of the samples."""
    monkeypatch.setattr(bonds_module, "GROUPS", 11)
    blocks = np.random.default_rng(5).permutation(np.arange(300) // 4)
    found = Spins.of(np.random.default_rng(1).integers(0, 2, (300, 4), np.uint8), 1.0, blocks)
    assert sorted(set(found.groups)) == list(range(found.n_groups)) == list(range(11))
    assert all(len(set(found.groups[blocks == block])) == 1 for block in range(75))


def test_what_cannot_be_fitted_is_told(make, monkeypatch):
    """Too few samples, frozen ones, sites that never turn, too many couplings."""
    lattice, energy, _ = lattice_glass()
    states = make.sample(energy, TEMPERATURE, 200)
    with pytest.raises(ValueError, match="20 samples are too few"):
        Spins.of(states[:20], TEMPERATURE)
    with pytest.raises(ValueError, match="4 independent stretches tell no errors"):
        Spins.of(states, TEMPERATURE, np.arange(200) // 50)
    with pytest.raises(ValueError, match="lattice joins no two sites"):
        glass.fit(Spins.of(states[:, :2], TEMPERATURE), Lattice((2, 2), open=(0, 1), absent=(1, 2)))
    with pytest.raises(ValueError, match="all samples are equal"):
        Spins.of(states[:1].repeat(99, axis=0), TEMPERATURE)
    still = states.copy()
    still[:, [3, 4]] = 1  # neighbours: their coupling and fields cannot be told apart
    with pytest.raises(ValueError, match="observe more"):
        glass.fit(Spins.of(still, TEMPERATURE), lattice)
    monkeypatch.setattr(glass, "MAX_BONDS", 50)
    with pytest.raises(ValueError, match="75 couplings and fields are more than the 50"):
        glass.fit(Spins.of(states, TEMPERATURE), lattice)


def test_lost_atoms_leave_errors_right(make):
    """Where a tenth of all atoms is not seen, though they acted."""
    lattice, energy, true = lattice_glass()
    states, random = make.sample(energy, TEMPERATURE, 12_000), np.random.default_rng(6)
    states[random.random(states.shape) < 0.1] = ABSENT
    found = glass.fit(Spins.of(states, TEMPERATURE), lattice)
    assert 0.8 < np.sqrt(np.mean(((found.coupling - true) / found.error) ** 2)) < 1.25


def test_fewer_samples_than_couplings(make):
    """Each site's neighbours are few: a hundred samples determine 3 x 144 couplings of a hot glass."""
    lattice, energy, true = lattice_glass(shape=(12, 12))
    found = likelihood.fit(samples(energy, make, 280), Bonds.of(lattice, fields=False))
    z = (TEMPERATURE * found.parameters - true) / (TEMPERATURE * np.sqrt(np.diag(found.covariance)))
    assert 0.8 < np.sqrt(np.mean(z**2)) < 1.2
