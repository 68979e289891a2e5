"""Words are an orthogonal basis of the local energies, and symmetries permute them."""

import numpy as np
import pytest

from dcl_hpc.inference.interactions import Interactions, Words
from dcl_hpc.inference.symmetry import PointGroup
from dcl_hpc.inference.window import Window
from dcl_hpc.physics.geometry import hypercubic
from dcl_hpc.physics.hamiltonian import clock
from dcl_hpc.physics.lattice import Lattice

WINDOWS = [(1, 4, 2), (2, 2, 2), (2, 3, 2), (2, 2, 3), (2, 2, 4), (3, 2, 2), (1, 3, 4), (1, 1, 3)]


def point_group(words):
    """All operations on words of a hypercubic lattice."""
    return PointGroup(words, hypercubic(words.window.dimension).operations)


@pytest.mark.parametrize("window", WINDOWS)
def test_number_of_words(window):
    """As many as there are states of the tile that no translation and no constant makes equal."""
    d, side, q = window
    sizes = [(side - 1) ** k * side ** (d - k) for k in range(d + 1)]
    signed = [(-1) ** k * [1, d, d * (d - 1) // 2, 1][k] * q**n for k, n in enumerate(sizes)]
    assert len(Words.all(Window.box(*window))) == sum(signed)


@pytest.mark.parametrize("window", WINDOWS)
def test_words_are_orthogonal_with_mean_zero(window):
    """Over all states of the window, equally often: no constant, no overlap."""
    words = Words.all(Window.box(*window))
    f = words.functions()
    overlap = f.T @ f / len(f)
    assert np.allclose(f.mean(axis=0), 0, atol=1e-12)
    assert np.allclose(overlap, np.diag(np.diag(overlap)), atol=1e-12)
    assert np.diag(overlap).min() > 0.4


@pytest.mark.parametrize("window", WINDOWS)
def test_projection_is_the_product_with_the_functions(window):
    """By Fourier transform and by definition, also for tied words."""
    words = Words.all(Window.box(*window))
    random = np.random.default_rng(1)
    table = random.normal(size=(3, words.window.size))
    tied = point_group(words).tied([0, 1], np.ones(len(words), bool))
    for interactions in (Interactions.single(words), tied, tied.take([len(tied) - 1, 0])):
        assert np.allclose(interactions.project(table), table @ interactions.functions())


@pytest.mark.parametrize("window", [(1, 3, 2), (2, 2, 2), (2, 2, 3), (3, 2, 2)])
def test_any_table_is_a_sum_of_words(window):
    """Energies of a random table on a lattice are those of its words, up to a constant."""
    window = Window.box(*window)
    lattice = Lattice((3, 4, 5)[: window.dimension] if window.dimension > 1 else (7,))
    random = np.random.default_rng(2)
    table = random.normal(size=window.size)
    states = random.integers(0, window.n_states, (200, lattice.n_sites))
    codes = states[:, window.tiles(lattice)] @ window.powers
    f = Words.all(window).functions()
    sums = f[codes].sum(axis=1)
    energy = table[codes].sum(axis=1)
    if len(f.T) < len(states):
        fitted = np.linalg.lstsq(np.column_stack([sums, np.ones(200)]), energy, rcond=None)[0]
        assert np.allclose(sums @ fitted[:-1] + fitted[-1], energy)


def test_two_states_are_spins():
    """The word of all places is the product of their spins."""
    window = Window.box(2, 2, 2)
    spins = 2.0 * window.digits - 1
    assert np.array_equal(Words.all(window).functions()[:, -1], spins.prod(axis=1))


def test_three_states_have_the_clock_pair():
    """Charges 1 and 2 of neighbours are cos(2 pi (q - q')/3)."""
    window = Window.box(1, 2, 3)
    words = Words.all(window)
    pair = words.functions()[:, (words.order == 2) & words.neutral & ~words.sine]
    a, b = window.digits.T
    assert np.allclose(pair[:, 0], clock(Lattice((4,)), 3).pair[a, b])


@pytest.mark.parametrize("n_states", [2, 3])
def test_images_are_words_of_turned_configurations(n_states):
    """The sum of a word over a turned configuration is that of its image over the configuration."""
    words = Words.all(Window.box(2, 2, n_states))
    image, sign = point_group(words).images
    states = np.random.default_rng(3).integers(0, n_states, (11, 11))
    tiles, f = words.window.tiles(Lattice((11, 11))), words.functions()
    for turned in (np.rot90(s, k) for s in (states, states.T) for k in range(4)):
        sums = [f[s.ravel()[tiles] @ words.window.powers].sum(axis=0) for s in (states, turned)]
        matches = [np.allclose(sums[1], sign[h] * sums[0][image[h]]) for h in range(8)]
        assert sum(matches) == 1


def test_generated_groups():
    """A quarter turn makes four operations, with a reflection all eight."""
    point = point_group(Words.all(Window.box(2, 2, 2)))
    order = [len(point.generated([k])) for k in range(8)]
    assert sorted(order) == [1, 2, 2, 2, 2, 2, 4, 4]
    quarter = order.index(4)
    mirror = next(k for k in range(8) if k not in point.generated([quarter]))
    assert point.generated([quarter, mirror]) == list(range(8))


def test_tied_words_are_invariant():
    """Under all operations pairs and plaquette remain of the even words of 2x2; sines cancel."""
    point = point_group(Words.all(Window.box(2, 2, 2)))
    tied = point.tied(range(8), point.words.neutral)
    assert sorted(np.bincount(tied.owner).tolist()) == [1, 2, 2]
    three = point_group(Words.all(Window.box(2, 2, 3)))
    pairs = three.tied(range(8), three.words.neutral & (three.words.order == 2))
    assert not pairs.words.sine.any()
    assert len(pairs) == 2
