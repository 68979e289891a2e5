"""What cannot be learned from is refused in one line that says how to mend it."""

import numpy as np
import pytest

from dcl_hpc.inference import clusters, free_table, likelihood
from dcl_hpc.inference.interactions import Interactions, Words
from dcl_hpc.inference.samples import Samples
from dcl_hpc.inference.window import Window
from dcl_hpc.physics.lattice import Lattice

STATES = np.random.default_rng(1).integers(0, 2, (200, 36))
GOOD = {"states": STATES, "lattice": Lattice((6, 6)), "temperature": 4.0, "window": Window.box(2, 3, 2)}
ONCE = np.where(np.arange(36) == 5, 1, 0)

BAD = [
    ({"lattice": Lattice((4, 9))}, "at least 5"),
    ({"lattice": Lattice((36,))}, "dimensions"),
    ({"lattice": Lattice((6, 7))}, "needs .samples, 42."),
    ({"window": Window.box(2, 4, 2)}, "at least 7"),
    ({"states": STATES[:49]}, "49 samples are too few"),
    ({"states": STATES[:0], "weights": np.ones(0)}, "weights"),
    ({"states": STATES.astype(float)}, "integers"),
    ({"states": STATES + 1}, "integers 0 ... 1"),
    ({"states": STATES - 1}, "integers 0 ... 1"),
    ({"window": Window.box(2, 3, 3)}, "state 2 of 3 is never observed"),
    ({"states": 0 * STATES}, "state 1 of 2 is never observed"),
    ({"states": np.tile(ONCE, (200, 1))}, "all samples are equal"),
    ({"temperature": 0.0}, "temperature"),
    ({"temperature": np.nan}, "temperature"),
    ({"weights": -np.ones(200)}, "weights"),
    ({"weights": np.ones(199)}, "weights"),
    ({"weights": np.zeros(200)}, "weights"),
    ({"weights": np.full(200, np.nan)}, "weights"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_observations(change, message):
    """Wrong shapes, values, sizes."""
    Samples(**GOOD)
    with pytest.raises(ValueError, match=message) as error:
        Samples(**{**GOOD, **change})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("window", "message"),
    [((2, 0, 2), "at least 1"), ((2, 3, 1), "at least 2"), ((2, 5, 2), "smaller tile"), ((2, 4, 3), "fit")],
)
def test_windows(window, message):
    """No site, no state, too many states."""
    with pytest.raises(ValueError, match=message):
        Window.box(*window)


def test_tiles_of_one_site():
    """Of states that are alike one site has nothing to tell."""
    observations = Samples(**{**GOOD, "window": Window.box(2, 1, 2)})
    with pytest.raises(ValueError, match="take a larger one"):
        clusters.fit(observations)


def test_a_free_table_that_is_too_large():
    """Its information matrix would not fit."""
    states = np.random.default_rng(1).integers(0, 3, (200, 36))
    observations = Samples(states, Lattice((6, 6)), 4.0, Window.box(2, 3, 3))
    with pytest.raises(ValueError, match="19683 tile states is too large"):
        free_table.fit(observations)


def test_more_couplings_than_samples():
    """Their errors could not be known."""
    observations, words = Samples(**GOOD), Words.all(GOOD["window"])
    with pytest.raises(ValueError, match="200 samples cannot determine 300"):
        likelihood.fit(observations, Interactions.single(words.take(np.zeros(300, int))))


def test_couplings_that_are_the_same():
    """Two equal functions make the information singular."""
    twice = Words.all(GOOD["window"]).take([3, 3])
    with pytest.raises(ValueError, match="singular information"):
        likelihood.fit(Samples(**GOOD), Interactions.single(twice))


def test_frozen_samples():
    """Only the two ground states: no maximum at finite couplings."""
    states = np.repeat([[0] * 36, [1] * 36], 100, axis=0)
    with pytest.raises(ValueError, match="observe more, or at a higher temperature"):
        clusters.fit(Samples(**{**GOOD, "states": states}))
