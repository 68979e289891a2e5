"""Overlaps of independent ladders of replicas at equal temperatures, sweep after sweep."""

import numpy as np

from ..physics.observables import overlap_of_bits, pack
from .tempering import Replicas

# Sweeps whose configurations are gathered in one message and compared in one go.
BATCH = 64


class Overlaps:
    """Overlaps of ladder 2j with ladder 2j + 1; a last ladder without partner has none.

    Parameters
    ----------
    replicas : Replicas
    share : callable
        Maps a number of pairs to the slice of them that this process compares; it may be empty.
    gather : callable
        Joins arrays of all processes along their first axis; the identity for a single process.
    """

    def __init__(self, replicas: Replicas, share=lambda n: slice(0, n), gather=lambda values: values):
        n_ladders, n_temperatures = replicas.ladders.slot.shape
        pairs = share(n_ladders // 2)
        self._replicas, self._gather = replicas, gather
        self._ladders = slice(2 * pairs.start, 2 * pairs.stop)
        self._first = n_temperatures * np.arange(n_ladders)[self._ladders, None]  # replica of each ladder
        self._bits, self._slot, self._compared = [], [], []

    def measure(self) -> None:
        """Take down all configurations as they are; collective."""
        self._bits.append(pack(self._replicas.chains.states))
        self._slot.append(self._replicas.ladders.slot[self._ladders].copy())
        if len(self._bits) == BATCH:
            self._compare()

    def take(self) -> np.ndarray:
        """Overlaps at all moments since the last call, of all pairs; collective.

        Returns
        -------
        ndarray of float32, shape (n_moments, n_pairs, n_temperatures)
            In the order of the ladder's temperatures.
        """
        if self._bits:
            self._compare()
        own, self._compared = np.concatenate(self._compared, axis=1), []
        return np.ascontiguousarray(self._gather(own).swapaxes(0, 1))

    def _compare(self) -> None:
        """Compare what was taken down, (own pairs, moments, n_temperatures)."""
        bits = self._gather(np.stack(self._bits, axis=1))
        holder = self._first + np.argsort(self._slot, axis=2)  # replica that has each temperature
        moment = np.arange(len(holder))[:, None, None]
        first, second = (bits[holder[:, k::2], moment] for k in (0, 1))
        q = overlap_of_bits(first, second, len(self._replicas.chains.states))
        self._compared.append(q.astype(np.float32).swapaxes(0, 1))
        self._bits, self._slot = [], []
