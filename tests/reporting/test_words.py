"""Interactions in words and as pictures."""

import io

import matplotlib.image
import numpy as np
import pytest

from dcl_hpc.physics.geometry import geometry
from dcl_hpc.reporting.pictures import picture
from dcl_hpc.reporting.words import in_words, ranges

SQUARE, CUBIC, TRIANGULAR = geometry("hypercubic", 2), geometry("hypercubic", 3), geometry("triangular", 2)
CLUSTERS = [
    (SQUARE, [(0, 0)], 1, "field"),
    (SQUARE, [(0, 0), (1, 0)], 2, "nearest neighbours"),
    (SQUARE, [(0, 0), (1, 0)], 1, "nearest neighbours, 1 of 2 directions"),
    (SQUARE, [(0, 2), (1, 1)], 2, "second neighbours (distance 1.41)"),
    (SQUARE, [(0, 0), (1, 2)], 4, "fourth neighbours (distance 2.24)"),
    (SQUARE, [(0, 0), (0, 1), (1, 0)], 4, "three sites (within 1.41)"),
    (SQUARE, [(0, 0), (0, 1), (1, 0), (1, 1)], 1, "four sites (plaquette)"),
    (CUBIC, [(0, 0, 0), (1, 1, 1)], 4, "third neighbours (distance 1.73)"),
    (TRIANGULAR, [(0, 0), (1, 1)], 3, "nearest neighbours"),
    (TRIANGULAR, [(0, 1), (1, 0)], 3, "second neighbours (distance 1.73)"),
    (TRIANGULAR, [(0, 0), (1, 0), (1, 1)], 2, "three sites (plaquette)"),
    (geometry("honeycomb", 2), [(0, 0), (2, 1)], 3, "second neighbours (distance 1.73)"),
    (geometry("bcc", 3), [(0, 0, 0), (1, 1, 0)], 3, "second neighbours (distance 1.15)"),
    (geometry("fcc", 3), [(0, 0, 0), (1, -1, 0)], 6, "nearest neighbours"),
]


@pytest.mark.parametrize(("lattice", "sites", "tied", "words"), CLUSTERS)
def test_words(lattice, sites, tied, words):
    """The range by distance, whatever the grid."""
    assert in_words(sites, lattice, tied) == words


@pytest.mark.parametrize(("lattice", "sites"), [cluster[:2] for cluster in CLUSTERS])
@pytest.mark.parametrize("coupling", [0.3, -0.3])
def test_pictures(lattice, sites, coupling):
    """As many nodes as sites, blue where the coupling is positive and red where it is negative."""
    image = matplotlib.image.imread(io.BytesIO(picture(sites, lattice, coupling)))[..., :3]
    red, blue = image[..., 0] - image[..., 2] > 0.4, image[..., 2] - image[..., 0] > 0.4
    nodes, others = (blue, red) if coupling > 0 else (red, blue)
    assert not others.any()
    area = np.pi * (6.5 / 2 * 110 / 72) ** 2  # of a node, in pixels
    assert nodes.sum() == pytest.approx(len(sites) * area, rel=0.35)


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ([0, 0, 0, 0, 0], ""),
        ([1, 1, 1, 1, 1], "at all temperatures"),
        ([1, 1, 0, 0, 0], "up to T = 1"),
        ([0, 0, 0, 0, 1], "from T = 4 on"),
        ([1, 0, 1, 1, 0], "up to T = 0.5 and from T = 1.5 to 2.25"),
        ([0, 1, 0, 1, 1], "at T = 1 and from T = 2.25 on"),
    ],
)
def test_temperatures_in_words(chosen, text):
    """Runs of neighbours are told by their ends."""
    assert ranges([0.5, 1, 1.5, 2.25, 4], np.array(chosen, bool)) == text
