"""Batches of rows in a shuffled order that depends on the seed and the epoch alone."""

from math import gcd

import numpy as np

from ..sampling.streams import Purpose, generator

# Rows that are read together; whole blocks are shuffled, so that the file is read in pieces.
MAX_BLOCK = 64


class Batches:
    """Global batches divided over ranks.

    Parameters
    ----------
    source : object with `n` and `read(start, stop) -> list of ndarray`
    batch : int
        Rows of the global batch.
    validation : float
        Share of the rows, taken from the end, that no batch contains.
    seed : int
    rank, size : int

    Raises
    ------
    ValueError
        If there are fewer training rows than one batch, or no validation row.
    """

    def __init__(self, source, batch: int, validation: float, seed: int, rank: int, size: int):
        self.source, self.seed, self.batch = source, seed, batch
        self.n_training = source.n - int(np.ceil(validation * source.n))
        if self.n_training < batch or self.n_training == source.n:
            raise ValueError(
                f"{source.n} configurations are too few for batch = {batch} and a validation share of "
                f"{validation}; observe more or take a smaller batch"
            )
        divisors = [d for d in range(1, MAX_BLOCK + 1) if batch % d == 0]
        self.block = max((d for d in divisors if batch // d >= size), default=gcd(batch, 1))
        self.blocks_per_batch = batch // self.block
        self.steps = self.n_training // batch
        self.rank, self.size = rank, size

    def epoch(self, epoch: int, first: int = 0):
        """This rank's part of every global batch of an epoch, from step `first` on.

        Yields
        ------
        list of ndarray, rows first
        """
        order = generator(self.seed, Purpose.SHUFFLE, epoch).permutation(self.n_training // self.block)
        share = slice(
            self.rank * self.blocks_per_batch // self.size,
            (self.rank + 1) * self.blocks_per_batch // self.size,
        )
        for step in range(first, self.steps):
            mine = order[step * self.blocks_per_batch :][: self.blocks_per_batch][share]
            parts = [self.source.read(b * self.block, (b + 1) * self.block) for b in np.sort(mine)]
            yield [np.concatenate(columns) for columns in zip(*parts, strict=True)]

    def held_out(self, chunk: int = 2048):
        """This rank's share of the validation rows.

        Yields
        ------
        row : int
            Number of the first row, counted from the first validation row.
        list of ndarray
        """
        for number, start in enumerate(range(self.n_training, self.source.n, chunk)):
            if number % self.size == self.rank:
                stop = min(start + chunk, self.source.n)
                yield start - self.n_training, self.source.read(start, stop)
