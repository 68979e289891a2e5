"""The test set has every energy level, equally often, and is the same however it is shared out."""

from types import SimpleNamespace

import numpy as np
import pytest

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.levels import APART, BETAS, THERMALIZATION, LevelCollector, collect, first_of_each

MODEL = hamiltonian.ising(Lattice((4, 4)))
SETTINGS = SimpleNamespace(per_level=30, ladders=8, max_sweeps=3000)


def test_every_level_of_four_by_four():
    """All levels of the enumeration, ascending, with the same number of configurations each."""
    states, ladder = collect(TrueEnergy(MODEL), 1, SETTINGS, 4.0)
    energies = MODEL.energy(states)
    levels = np.unique(MODEL.energy(exact.all_states(2, 16)))
    assert np.array_equal(energies, np.repeat(levels, 30))
    assert levels.tolist() == [e for e in range(-32, 33, 4) if abs(e) != 28]
    for level in levels:  # no ladder draws a level alone
        assert len(set(ladder[energies == level])) > 3


def test_levels_of_three_states():
    """Spectra of the delta form are found too, in steps of 1."""
    model = hamiltonian.potts(Lattice((3, 3)), 3)
    energies = model.energy(collect(TrueEnergy(model), 1, SETTINGS, 1.0)[0])
    levels = np.unique(model.energy(exact.all_states(3, 9)).round())
    assert np.array_equal(energies.round(), np.repeat(levels, 30))


def test_same_seed_gives_the_same_set():
    """The set depends on the seed alone."""
    settings = SimpleNamespace(per_level=5, ladders=2, max_sweeps=600)
    one, two, other = (collect(TrueEnergy(MODEL), seed, settings, 4.0) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0], other[0])


@pytest.mark.parametrize(("size", "per_level"), [(2, 30), (3, 7), (5, 30)])
def test_any_number_of_processes_draws_the_same_set(together, size, per_level):
    """Also where some processes have no ladder, and where some levels stay incomplete."""
    settings = SimpleNamespace(per_level=per_level, ladders=4, max_sweeps=700)
    model = TrueEnergy(MODEL, settings.ladders * len(BETAS))
    expected = collect(model, 3, settings, 4.0)
    for found in together(
        size, lambda share, gather: collect(model, 3, settings, 4.0, share=share, gather=gather)
    ):
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_progress_is_told_in_sweeps():
    """The callback's numbers add up to what was done, at most max_sweeps."""
    told = []
    settings = SimpleNamespace(per_level=10**6, ladders=1, max_sweeps=1100)
    states, ladder = collect(TrueEnergy(MODEL), 1, settings, 4.0, on_stretch=told.append)
    assert sum(told) == 1100
    assert len(states) == len(ladder) < 24 * (1100 - THERMALIZATION)


def test_collector_keeps_up_to_per_level():
    """The first per_level configurations of each level, however they arrive."""
    collector = LevelCollector(3, 2.0, 1, apart=1)
    states = np.arange(10, dtype=np.uint8)[None]
    collector.add(7, states, np.array([0.0, 2, 0, 0.1, -2, 2, 0, 0, 2, 2]))
    assert collector.counts == {0: 3, 1: 3, -1: 1}
    collector.add(8, states + 100, np.full(10, -2.0))
    assert collector.counts == {0: 3, 1: 3, -1: 3}
    found = first_of_each(collector.kept(), 3)
    assert found.states[:, 0].tolist() == [4, 100, 101, 0, 2, 3, 1, 5, 8]
    assert found.level.tolist() == [-1] * 3 + [0] * 3 + [1] * 3
    assert found.sweep.tolist() == [7, 8, 8] + [7] * 6
    assert found.replica.tolist() == [4, 0, 1, 0, 2, 3, 1, 5, 8]
    assert first_of_each(collector.kept(), 1).replica.tolist() == [4, 0, 1]


def test_configurations_of_a_level_are_apart():
    """A chain that stays in a level gives one configuration in so many sweeps, others do not wait for it."""
    collector = LevelCollector(100, 1.0, 2, first=10)
    for sweep in range(3 * APART):
        # the second replica reaches the level of the first late and stays; before, it visits two others
        energy = np.array([0.0, 0.0 if sweep > 5 else 1.0 + sweep % 2])
        collector.add(sweep, np.zeros((2, 2), np.uint8), energy)
    found = collector.kept()
    visits = sorted(zip(found.level.tolist(), found.replica.tolist(), found.sweep.tolist(), strict=True))
    first = [(0, 10, k * APART) for k in range(3)]
    second = [(0, 11, 6 + k * APART) for k in range(3)]
    assert visits == [*first, *second, (1, 11, 0), (2, 11, 1)]


@pytest.mark.parametrize(
    "model",
    [
        hamiltonian.ising(Lattice((3, 4), open=(0, 1)), 1.0, 0.37),
        hamiltonian.ising(Lattice((3, 4), absent=(3,)), 1.0, np.linspace(-1, 1, 11)),
    ],
    ids=["field", "random fields"],
)
def test_real_energies_are_in_bins(model):
    """Where levels are no multiples of one energy, bins of a fiftieth of the range hold equally many."""
    settings = SimpleNamespace(per_level=10, ladders=4, max_sweeps=3000)
    width = model.level_spacing
    states, _ = collect(TrueEnergy(model), 1, settings, width, model.scale)
    found, counts = np.unique(np.round(model.energy(states) / width), return_counts=True)
    every = np.unique(np.round(model.energy(exact.all_states(2, model.lattice.n_sites)) / width))
    assert 20 < len(every) <= 51 and set(found) <= set(every)
    assert len(found) >= 0.9 * len(every) and (counts == 10).mean() > 0.8
