"""Random streams that belong to chains, never to ranks.

Every stream is a xoshiro128++ generator (Blackman and Vigna, ACM TOMS 47, 36, 2021) seeded from
the key (seed, purpose, realization, chain), so a job gives the same bits on any number of ranks,
and its four words of state are all that a resumed run needs.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is used for; part of its key, so the numbers must not change."""

    COUPLINGS = 0
    OBSERVE = 1
    LEVELS = 2
    SWEEP = 3
    EXCHANGE = 4
    LABELS = 5
    WEIGHTS = 6
    SHUFFLE = 7
    REFERENCE = 8
    TEMPERED = 9
    FLIPS = 10
    CHECK = 11
    FIELDS = 12
    IMAGES = 13
    COMPOSITION = 20
    MEMBERS = 21
    HALVES = 22
    PLAN = 30
    SUBSETS = 40
    TRAJECTORIES = 41
    REPLICAS = 42
    GUIDE = 43
    TURNS = 44


def streams(seed: int, purpose: Purpose, chains, realization: int = 0) -> np.ndarray:
    """Initial generator states of the given chains.

    Parameters
    ----------
    chains : iterable of int
        Global numbers of the chains.

    Returns
    -------
    ndarray of uint32, shape (4, n_chains)
    """
    keys = ((int(purpose), realization, int(chain)) for chain in chains)
    states = [np.random.SeedSequence(seed, spawn_key=key).generate_state(4) for key in keys]
    return np.ascontiguousarray(np.array(states, dtype=np.uint32).reshape(-1, 4).T)


def generator(seed: int, purpose: Purpose, index: int = 0, realization: int = 0):
    """A numpy generator for work outside the kernels, keyed like `streams`."""
    key = (int(purpose), realization, index)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))
