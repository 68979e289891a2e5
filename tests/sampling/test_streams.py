"""Random streams: one for every key."""

import itertools

import numpy as np

from dcl_hpc.sampling.streams import Purpose, generator, streams


def test_distinct_keys_give_distinct_streams():
    """Seed, purpose, realization and chain each make a stream of its own."""
    columns = [
        streams(seed, purpose, range(20), realization)
        for seed, purpose, realization in itertools.product((1, 2, 2**40), Purpose, (0, 1))
    ]
    everything = np.concatenate(columns, axis=1)
    assert len(np.unique(everything, axis=1).T) == everything.shape[1] == 3 * len(Purpose) * 2 * 20


def test_same_key_gives_the_same_stream():
    """A chain's stream does not depend on which chains are asked for beside it."""
    together = streams(3, Purpose.LEVELS, range(50), 2)
    assert together.dtype == np.uint32
    for chain in (0, 17, 49):
        assert np.array_equal(streams(3, Purpose.LEVELS, [chain], 2)[:, 0], together[:, chain])


def test_no_chains():
    """A rank without chains has an empty state."""
    assert streams(1, Purpose.SWEEP, []).shape == (4, 0)


def test_numpy_generators_are_keyed_alike():
    """The same key gives the same numbers, another purpose, index, realization or seed others."""
    keys = [(1, Purpose.SHUFFLE, 0, 0), (1, Purpose.SHUFFLE, 1, 0), (1, Purpose.WEIGHTS, 0, 0)]
    keys += [(2, Purpose.SHUFFLE, 0, 0), (1, Purpose.SHUFFLE, 0, 1)]
    drawn = [generator(*key).integers(0, 2**62, 4).tolist() for key in keys]
    assert drawn == [generator(*key).integers(0, 2**62, 4).tolist() for key in keys]
    assert len({tuple(row) for row in drawn}) == len(keys)
