"""Symmetries of the lattice that interactions respect, as far as their fitted couplings tell.

The point operations are the reflections and rotations of the lattice; what one of them makes of a word
is again a word, or minus one. A group of them is accepted where Wald's statistic for "the couplings are
the group's average of themselves", with Godambe's covariance, is at most
degrees of freedom x ln(samples), the price that the Bayesian information criterion puts on the freedom.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .interactions import Interactions, Words


@dataclass(frozen=True)
class PointGroup:
    """Action of the point operations on words.

    Parameters
    ----------
    words : Words
        Closed under the operations.
    operations : ndarray of int, shape (n_operations, dimension, dimension)
        Of the lattice, the identity first; see `Geometry.operations`.
    """

    words: Words
    operations: np.ndarray

    @cached_property
    def images(self) -> tuple[np.ndarray, np.ndarray]:
        """See `Words.images`."""
        return self.words.images(self.operations)

    def orbits(self, chosen) -> np.ndarray:
        """All words that operations make of the chosen ones, ascending."""
        return np.unique(self.images[0][:, chosen])

    def generated(self, elements) -> list[int]:
        """Numbers of all products of some operations, ascending."""
        number = {operation.tobytes(): k for k, operation in enumerate(self.operations)}
        group, new = {0}, {0}
        while new:
            products = (self.operations[g] @ self.operations[e] for g in new for e in elements)
            new = {number[product.tobytes()] for product in products} - group
            group |= new
        return sorted(group)

    def supported(self, chosen, parameters, covariance, n_samples: float, within) -> list[int]:
        """A largest group that the data do not contradict; operations are tried one after the other.

        Parameters
        ----------
        chosen : ndarray of int
            Words that have been fitted, ascending; with every word all its images that the lattice has.
        parameters, covariance : ndarray, shapes (n,) and (n, n)
            Of these words.
        n_samples : float
        within : sequence of int
            Operations that may be taken.
        """
        image, sign = (part[:, chosen] for part in self.images)
        known = np.isin(image, chosen)
        image = np.searchsorted(chosen, image)
        group = [0]
        for operation in within:
            larger = self.generated([*group, operation])
            if operation in group or not set(larger) <= set(within):
                continue
            average, columns = np.zeros((len(chosen),) * 2), np.arange(len(chosen))
            fitted = known[larger].sum(axis=0)
            for g in larger:
                there = known[g]
                average[image[g, there], columns[there]] += (sign[g] / fitted)[there]
            if wald(np.eye(len(chosen)) - average, parameters, covariance) <= np.log(n_samples):
                group = larger
        return group

    def tied(self, group, allowed: np.ndarray) -> Interactions:
        """Every invariant sum of allowed words as one interaction.

        Parameters
        ----------
        group : sequence of int
            Numbers of the operations.
        allowed : ndarray of bool, shape (n_words,)
        """
        image, sign = (part[group] for part in self.images)
        first, columns = image.argmin(axis=0), np.arange(len(self.words))
        label, own = image[first, columns], sign[first, columns]
        # a word that becomes minus itself has no invariant sum
        vanishes = np.any((image == label) & (sign != own), axis=0)
        kept = np.flatnonzero(allowed & ~vanishes)
        kept = kept[np.argsort(label[kept], kind="stable")]
        owner = np.unique(label[kept], return_inverse=True)[1]
        return Interactions(self.words.take(kept), owner, own[kept])


def wald(contrasts: np.ndarray, parameters: np.ndarray, covariance: np.ndarray) -> float:
    """Wald's statistic of ``contrasts @ parameters = 0`` for each degree of freedom; 0 without any."""
    spread = contrasts @ covariance @ contrasts.T
    rank = np.linalg.matrix_rank(contrasts) if contrasts.any() else 0
    if rank == 0:
        return 0.0
    values, vectors = np.linalg.eigh(spread)
    values, vectors = values[-rank:], vectors[:, -rank:]
    return float(((vectors.T @ contrasts @ parameters) ** 2 / values).sum() / rank)
