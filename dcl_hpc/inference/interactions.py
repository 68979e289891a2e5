r"""The interactions that sites of a window can have: an orthogonal basis of all local energies.

A word gives each place of a window a charge k = 0 ... Q-1 and stands for the functions

.. math:: \cos\phi, \quad \sin\phi, \qquad \phi = \frac{2\pi}{Q} \sum_j k_j (q_j - \lfloor Q/2 \rfloor)

of the states q. Sites of charge 0 do not take part. For Q = 2 the cosine is the product of the spins
2q - 1, a Walsh function, and the sine vanishes; for Q = 3 the cosine of charges (1, 2) is
cos(2 pi (q - q')/3). All of them but the empty word have mean 0 over uniformly random states. Two words
that a translation takes into one another, or whose charges are opposite, have the same sum over the
lattice: one of each is kept, hence no direction of the parameters is flat (lattice-gas gauge, Nguyen,
Zecchina and Berg, Adv. Phys. 66, 197 (2017), sec. II).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..physics.codes import codes_of
from .window import Window


@dataclass(frozen=True)
class Words:
    """Functions of the states of a window.

    Parameters
    ----------
    window : Window
    charges : ndarray of uint8, shape (n_words, n_places)
    sine : ndarray of bool, shape (n_words,)
        Whether the function is the sine.
    """

    window: Window
    charges: np.ndarray
    sine: np.ndarray

    @classmethod
    def all(cls, window: Window) -> "Words":
        """One word of each kind, touching the lower sides of the window, in ascending order of `keys`."""
        charges = window.digits
        box = charges.reshape(-1, *[window.side] * window.dimension)
        kept = np.ones(window.size, bool)
        for axis in range(1, box.ndim):
            kept &= np.take(box, 0, axis).reshape(window.size, -1).any(axis=1)
        codes = np.flatnonzero(kept)
        opposite = codes_of(_opposite(charges[codes], window.n_states), window.n_states)
        cosines, sines = codes[codes <= opposite], codes[codes < opposite]
        sine = np.repeat([False, True], [len(cosines), len(sines)])
        codes = np.concatenate([cosines, sines])
        order = np.lexsort([sine, codes])
        return cls(window, charges[codes[order]], sine[order])

    def __len__(self) -> int:
        return len(self.charges)

    def take(self, indices) -> "Words":
        """Some of the words."""
        return Words(self.window, self.charges[indices], self.sine[indices])

    @cached_property
    def codes(self) -> np.ndarray:
        """Charges read as a number, int64 (n_words,)."""
        return codes_of(self.charges, self.window.n_states)

    @cached_property
    def keys(self) -> np.ndarray:
        """A number for each word, int64 (n_words,)."""
        return 2 * self.codes + self.sine

    @cached_property
    def order(self) -> np.ndarray:
        """Sites that take part, int64 (n_words,)."""
        return np.count_nonzero(self.charges, axis=1)

    @cached_property
    def neutral(self) -> np.ndarray:
        """Whether the function stays when all states go round by one, bool (n_words,)."""
        return self.charges.sum(axis=1) % self.window.n_states == 0

    def functions(self) -> np.ndarray:
        """Values in every state of the window, float64 (window.size, n_words)."""
        q = self.window.n_states
        turns = (self.window.digits.astype(np.float32) - q // 2) @ self.charges.T.astype(np.float32)
        angle = 2 * np.pi * np.arange(q) / q
        turns = np.mod(turns, q).astype(np.int16)
        return np.where(self.sine, np.sin(angle)[turns], np.cos(angle)[turns])

    def images(self, permutations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What permutations of the places make of the words, among which must be all images.

        Parameters
        ----------
        permutations : ndarray of int, shape (n_permutations, n_places)

        Returns
        -------
        image : int64 (n_permutations, n_words)
            Number of the word that each one becomes.
        sign : int8 (n_permutations, n_words)
            -1 where it becomes minus this word.
        """
        image = np.empty((len(permutations), len(self)), np.int64)
        sign = np.empty(image.shape, np.int8)
        order = np.argsort(self.keys)
        for k, permutation in enumerate(permutations):
            charges = _cornered(self.charges[:, permutation], self.window)
            opposite = _opposite(charges, self.window.n_states)
            code, other = (codes_of(c, self.window.n_states) for c in (charges, opposite))
            keys = 2 * np.minimum(code, other) + self.sine
            image[k] = order[np.searchsorted(self.keys, keys, sorter=order)]
            sign[k] = np.where(self.sine & (other < code), -1, 1)
        return image, sign

    def resized(self, side: int) -> "Words":
        """The same words in a window of another side, which must hold them."""
        window, d = Window(self.window.dimension, side, self.window.n_states), self.window.dimension
        inner = (slice(None), *[slice(min(side, self.window.side))] * d)
        charges = np.zeros((len(self), *[side] * d), np.uint8)
        charges[inner] = self.charges.reshape(-1, *[self.window.side] * d)[inner]
        return Words(window, charges.reshape(len(self), window.n_places), self.sine)


@dataclass(frozen=True)
class Interactions:
    """Sums of words with equal couplings.

    Parameters
    ----------
    words : Words
    owner : ndarray of int, shape (n_words,)
        The interaction that each word belongs to, ascending from 0.
    sign : ndarray of int8, shape (n_words,)
    """

    words: Words
    owner: np.ndarray
    sign: np.ndarray

    @classmethod
    def single(cls, words: Words) -> "Interactions":
        """Each word for itself."""
        return cls(words, np.arange(len(words)), np.ones(len(words), np.int8))

    def __len__(self) -> int:
        return int(self.owner[-1]) + 1 if len(self.owner) else 0

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.searchsorted(self.owner, np.arange(len(self)))

    def take(self, indices) -> "Interactions":
        """Some of the interactions, in the order of `indices`."""
        members = [np.flatnonzero(self.owner == k) for k in indices]
        chosen = np.concatenate([np.empty(0, int), *members])
        owner = np.repeat(np.arange(len(members)), [len(m) for m in members])
        return Interactions(self.words.take(chosen), owner, self.sign[chosen])

    def functions(self) -> np.ndarray:
        """Values in every state of the window, float64 (window.size, n_interactions)."""
        return self._sums(self.words.functions())

    def project(self, table: np.ndarray) -> np.ndarray:
        """Products with tables over the states of the window, ``table @ functions()`` by Fourier transform.

        Parameters
        ----------
        table : ndarray of float, shape (n, window.size)

        Returns
        -------
        float64 (n, n_interactions)
        """
        window, q = self.words.window, self.words.window.n_states
        box = table.reshape(-1, *[q] * window.n_places)
        waves = np.fft.fftn(box, axes=range(1, box.ndim)).conj().reshape(len(table), -1)[:, self.words.codes]
        turns = self.words.charges.sum(axis=1) * (q // 2) % q
        waves = waves * np.exp(-2j * np.pi * turns / q)
        return self._sums(np.where(self.words.sine, waves.imag, waves.real))

    def _sums(self, columns: np.ndarray) -> np.ndarray:
        if not len(self):
            return np.zeros((len(columns), 0))
        return np.ascontiguousarray(np.add.reduceat(columns * self.sign, self._starts, axis=1))


def _opposite(charges: np.ndarray, n_states: int) -> np.ndarray:
    return np.where(charges > 0, n_states - charges, 0).astype(np.uint8)


def _cornered(charges: np.ndarray, window: Window) -> np.ndarray:
    """Words moved to the lower sides of the window, uint8 (n_words, n_places)."""
    box = charges.reshape(-1, *[window.side] * window.dimension).copy()
    for axis in range(1, box.ndim):
        for _ in range(window.side - 1):
            off = ~np.take(box, 0, axis).reshape(len(box), -1).any(axis=1)
            box[off] = np.roll(box[off], -1, axis)
    return box.reshape(len(box), -1)
