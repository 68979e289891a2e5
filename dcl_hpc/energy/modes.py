"""Errors of an energy that are sums over windows of tabulated functions."""

import numpy as np

from ..inference.window import Window
from ..physics.lattice import Lattice
from ..sampling.compiled import njit
from ..sampling.generator import OPTIONS

# Most entries of tables with all functions.
MAX_ENTRIES = 2**24
# Chains that are looked at together.
BLOCK = 256


class TabulatedModes:
    """Sums over all windows of a lattice of several functions of their states.

    Parameters
    ----------
    lattice : Lattice
    window : Window
    functions : float (window.size, n_modes)
        In J.
    """

    def __init__(self, lattice: Lattice, window: Window, functions: np.ndarray):
        self._tiles, self._window = window.tiles(lattice), window
        self._functions = np.ascontiguousarray(functions, np.float32)

    def __call__(self, states: np.ndarray) -> np.ndarray:
        """Values in J, float64 (n_modes, n_chains), of states, uint8 (n_sites, n_chains)."""
        sums, window = np.zeros((states.shape[1], self._functions.shape[1])), self._window
        for start in range(0, len(sums), BLOCK):
            rows = slice(start, start + BLOCK)
            part = np.ascontiguousarray(states[:, rows])
            _add_functions(part, self._tiles, window.powers, window.n_states, self._functions, sums[rows])
        return sums.T


@njit(**OPTIONS)
def _add_functions(states, tiles, powers, absent, functions, sums):
    """Adds the functions of every window's state; where a window has no site, that has the state `absent`."""
    codes = np.empty(states.shape[1], np.int64)
    for t in range(tiles.shape[0]):
        codes[:] = 0
        for p in range(tiles.shape[1]):
            site, power = tiles[t, p], powers[p]
            if site == states.shape[0]:
                codes += power * absent
            else:
                for c in range(len(codes)):
                    codes[c] += power * np.int64(states[site, c])
        for c in range(len(codes)):
            code = codes[c]
            for k in range(functions.shape[1]):
                sums[c, k] += functions[code, k]
