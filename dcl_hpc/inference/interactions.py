r"""The interactions that sites of a window can have: an orthogonal basis of all local energies.

A word gives each place of a window a charge k = 0 ... Q-1 and stands for the functions

.. math:: \cos\phi, \quad \sin\phi, \qquad \phi = \frac{2\pi}{Q} \sum_j k_j (q_j - \lfloor Q/2 \rfloor)

of the states q. Sites of charge 0 do not take part. For Q = 2 the cosine is the product of the spins
2q - 1, a Walsh function, and the sine vanishes; for Q = 3 the cosine of charges (1, 2) is
cos(2 pi (q - q')/3). All of them but the empty word have mean 0 over uniformly random states. Two words
that a translation takes into one another, or whose charges are opposite, have the same sum over the
lattice: one of each is kept, hence no direction of the parameters is flat (lattice-gas gauge, Nguyen,
Zecchina and Berg, Adv. Phys. 66, 197 (2017), sec. II). A word of which a site is absent is not there.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..physics.codes import all_states, codes_of
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
        """One word of each kind, as far down in the window as it fits, in ascending order of `keys`."""
        q = window.n_states
        charges = all_states(q, window.n_places)[1:]
        every = cls(window, charges, np.zeros(len(charges), bool))
        lowest, _ = every.moved(window)
        codes = every.codes[np.all(lowest == charges, axis=1)]
        opposite = codes_of(_opposite(charges[codes - 1], q), q)
        cosines, sines = codes[codes <= opposite], codes[codes < opposite]
        sine = np.repeat([False, True], [len(cosines), len(sines)])
        codes = np.concatenate([cosines, sines])
        order = np.lexsort([sine, codes])
        return cls(window, charges[codes[order] - 1], sine[order])

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
    def support(self) -> np.ndarray:
        """Places that take part as bits of a number, int64 (n_words,)."""
        return (self.charges > 0) @ (1 << np.arange(self.window.n_places))

    @cached_property
    def order(self) -> np.ndarray:
        """Sites that take part, int64 (n_words,)."""
        return np.count_nonzero(self.charges, axis=1)

    @cached_property
    def neutral(self) -> np.ndarray:
        """Whether the function stays when all states go round by one, bool (n_words,)."""
        return self.charges.sum(axis=1) % self.window.n_states == 0

    def functions(self) -> np.ndarray:
        """Values in every state of the window, float64 (window.size, n_words); 0 if a site is absent."""
        q, digits = self.window.n_states, self.window.digits
        charges = self.charges.T.astype(np.float32)
        turns = (digits.astype(np.float32) - q // 2) @ charges
        angle = 2 * np.pi * np.arange(q) / q
        turns = np.mod(turns, q).astype(np.int16)
        values = np.where(self.sine, np.sin(angle)[turns], np.cos(angle)[turns])
        if self.window.absent:
            values[(digits == q).astype(np.float32) @ charges > 0] = 0
        return values

    def moved(self, window: Window, operation=None) -> tuple[np.ndarray, np.ndarray]:
        """The words in a window, as far down as they fit.

        Parameters
        ----------
        window : Window
        operation : ndarray of int, shape (dimension, dimension), optional
            Acts on the offsets first.

        Returns
        -------
        charges : uint8 (n_words, window.n_places)
        fits : bool (n_words,)
            Whether the window holds the word, whose charges are else 0.
        """
        offsets = self.window.offsets if operation is None else self.window.offsets @ operation.T
        charges = np.zeros((len(self), window.n_places), np.uint8)
        left = np.arange(len(self))
        for shift in np.unique((window.offsets[:, None] - offsets).reshape(-1, window.dimension), axis=0):
            places = window.places(offsets + shift)
            outside = (places < 0) @ (1 << np.arange(len(places)))
            fits = self.support[left] & outside == 0
            charges[np.ix_(left[fits], places[places >= 0])] = self.charges[left[fits]][:, places >= 0]
            left = left[~fits]
        return charges, ~np.isin(np.arange(len(self)), left)

    def images(self, operations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Words that have the value in a configuration that these have when it is turned.

        Parameters
        ----------
        operations : ndarray of int, shape (n_operations, dimension, dimension)
            Under which the words are `closed`.

        Returns
        -------
        image : int64 (n_operations, n_words)
            Number of the word that each one becomes.
        sign : int8 (n_operations, n_words)
            -1 where it becomes minus this word.
        """
        image = np.empty((len(operations), len(self)), np.int64)
        sign = np.empty(image.shape, np.int8)
        order = np.argsort(self.keys)
        for k, inverse in enumerate(_inverses(operations)):
            charges, _ = self.moved(self.window, inverse)
            opposite = _opposite(charges, self.window.n_states)
            code, other = (codes_of(c, self.window.n_states) for c in (charges, opposite))
            keys = 2 * np.minimum(code, other) + self.sine
            image[k] = order[np.searchsorted(self.keys, keys, sorter=order)]
            sign[k] = np.where(self.sine & (other < code), -1, 1)
        return image, sign

    def closed(self, operations: np.ndarray) -> "Words":
        """Those of all words of which the window holds all images."""
        return self.take(np.all([self.moved(self.window, m)[1] for m in operations], axis=0))

    def on(self, clusters, operations: np.ndarray) -> np.ndarray:
        """Whether words are on the sites of some clusters or of their images, bool (n_words,).

        Parameters
        ----------
        clusters : iterable of array_like of int, shape (n_sites, dimension)
            Offsets of sites.
        operations : ndarray of int, shape (n_operations, dimension, dimension)

        Raises
        ------
        ValueError
            If the window does not hold a cluster.
        """
        found = np.zeros(len(self), bool)
        for sites in clusters:
            cluster = Window(sites, 2)
            every = Words(cluster, np.ones((1, cluster.n_places), np.uint8), np.zeros(1, bool))
            if cluster.dimension != self.window.dimension:
                raise ValueError(f"sites {sites} of an interaction need {self.window.dimension} coordinates")
            for operation in operations:
                charges, fits = every.moved(self.window, operation)
                if not fits[0]:
                    raise ValueError(
                        f"the interaction of sites {sites} does not fit in a tile of {self.window.n_places}"
                        " sites; take a larger tile, or leave it out"
                    )
                found |= self.support == Words(self.window, charges, every.sine).support[0]
        return found

    def resized(self, window: Window) -> "Words":
        """The same words in another window.

        Raises
        ------
        ValueError
            If it does not hold them.
        """
        charges, fits = self.moved(window)
        if not fits.all():
            raise ValueError(f"a tile of {window.n_places} sites does not hold all interactions")
        return Words(window, charges, self.sine)


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

    def resized(self, window: Window) -> "Interactions":
        """The same interactions in another window; see `Words.resized`."""
        return Interactions(self.words.resized(window), self.owner, self.sign)

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
        box = table.reshape(-1, *[window.base] * window.n_places)
        if window.absent:  # where nothing has a charge: as all states in equal parts
            for axis in range(1, box.ndim):
                states, absent = np.split(box, [q], axis)
                box = states + absent / q
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


def _inverses(operations: np.ndarray) -> np.ndarray:
    return np.rint(np.linalg.inv(operations)).astype(np.int64)
