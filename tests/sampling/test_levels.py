"""The test set has every energy level, equally often."""

from types import SimpleNamespace

import numpy as np

from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.levels import THERMALIZATION, LevelCollector, collect

MODEL = hamiltonian.ising(Lattice((4, 4)))
SETTINGS = SimpleNamespace(per_level=30, ladders=8, max_sweeps=3000)


def test_every_level_of_four_by_four():
    """All levels of the enumeration, ascending, with the same number of configurations each."""
    states = collect(TrueEnergy(MODEL), 1, SETTINGS, 4.0)
    energies = MODEL.energy(states)
    levels = np.unique(MODEL.energy(exact.all_states(2, 16)))
    assert np.array_equal(energies, np.repeat(levels, 30))
    assert levels.tolist() == [e for e in range(-32, 33, 4) if abs(e) != 28]


def test_levels_of_three_states():
    """Spectra of the delta form are found too, in steps of 1."""
    model = hamiltonian.potts(Lattice((3, 3)), 3)
    energies = model.energy(collect(TrueEnergy(model), 1, SETTINGS, 1.0))
    levels = np.unique(model.energy(exact.all_states(3, 9)).round())
    assert np.array_equal(energies.round(), np.repeat(levels, 30))


def test_same_seed_gives_the_same_set():
    """The set depends on the seed alone."""
    settings = SimpleNamespace(per_level=5, ladders=2, max_sweeps=600)
    one, two, other = (collect(TrueEnergy(MODEL), seed, settings, 4.0) for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_progress_is_told_in_sweeps():
    """The callback's numbers add up to what was done, at most max_sweeps."""
    told = []
    settings = SimpleNamespace(per_level=10**6, ladders=1, max_sweeps=1000)
    states = collect(TrueEnergy(MODEL), 1, settings, 4.0, on_block=told.append)
    assert sum(told) == 1000
    assert len(states) == 24 * (1000 - THERMALIZATION)


def test_collector_keeps_up_to_per_level():
    """The first per_level configurations of each level, however they arrive."""
    collector = LevelCollector(3, 2.0)
    assert not collector.full
    states = np.arange(10, dtype=np.uint8)[:, None]
    collector.add(states, np.array([0.0, 2, 0, 0.1, -2, 2, 0, 0, 2, 2]))
    assert collector.counts == {0: 3, 1: 3, -1: 1}
    assert not collector.full
    collector.add(states + 100, np.full(10, -2.0))
    assert collector.counts == {0: 3, 1: 3, -1: 3}
    assert collector.full
    assert collector.states()[:, 0].tolist() == [4, 100, 101, 0, 2, 3, 1, 5, 8]
