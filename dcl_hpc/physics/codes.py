"""Configurations of few sites as numbers: base Q, one digit a site, the first site most significant."""

import numpy as np


def weights(n_states: int, n_sites: int) -> np.ndarray:
    """Weight of each site in the number of a configuration, int64 (n_sites,)."""
    return n_states ** np.arange(n_sites - 1, -1, -1)


def codes_of(states: np.ndarray, n_states: int) -> np.ndarray:
    """Numbers of configurations, int64 (...), of states 0..Q-1, integers (..., n_sites)."""
    return np.asarray(states).astype(np.int64) @ weights(n_states, np.shape(states)[-1])


def states_of(codes: np.ndarray, n_states: int, n_sites: int) -> np.ndarray:
    """Configurations of numbers, uint8 (n, n_sites), of integers (n,)."""
    columns = [(codes // weight % n_states).astype(np.uint8) for weight in weights(n_states, n_sites)]
    return np.stack(columns, axis=1)


def all_states(n_states: int, n_sites: int) -> np.ndarray:
    """Every configuration in the order of its number, uint8 (n_states ** n_sites, n_sites)."""
    return states_of(np.arange(n_states**n_sites), n_states, n_sites)
