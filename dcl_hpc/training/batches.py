"""Batches of rows in a shuffled order that depends on the seed and the epoch alone."""

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
    symmetry : object with `__len__` and `turned(states, numbers)`, optional
        Operations, see `inference.invariance.Invariance`: each configuration of a batch, in the first column,
        is replaced by its image under one of them, drawn anew each time.

    Raises
    ------
    ValueError
        If there are fewer training rows than one batch, no validation row, or more ranks than rows in a
        batch.
    """

    def __init__(self, source, batch: int, validation: float, seed: int, rank: int, size: int, symmetry=None):
        self.source, self.seed, self.batch, self.symmetry = source, seed, batch, symmetry
        self.n_training = source.n - int(np.ceil(validation * source.n))
        if self.n_training < batch or self.n_training == source.n:
            raise ValueError(
                f"{source.n} configurations are too few for batch = {batch} and a validation share of "
                f"{validation}; observe more or take a smaller batch"
            )
        if size > batch:
            raise ValueError(f"{size} ranks share a batch of {batch}; take a larger batch or fewer ranks")
        self.block = max(d for d in range(1, MAX_BLOCK + 1) if batch % d == 0)
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
        start = self.rank * self.batch // self.size
        stop = (self.rank + 1) * self.batch // self.size
        for step in range(first, self.steps):
            blocks = order[step * self.blocks_per_batch :][: self.blocks_per_batch]
            parts = []
            for k in range(start // self.block, -(-stop // self.block)):
                # rows of the k-th block of this batch that lie between start and stop
                low = max(start - k * self.block, 0)
                high = min(stop - k * self.block, self.block)
                row = blocks[k] * self.block
                parts.append(self.source.read(row + low, row + high))
            columns = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
            if self.symmetry is not None:
                random = generator(self.seed, Purpose.TURNS, epoch * self.steps + step)
                numbers = random.integers(0, len(self.symmetry), self.batch)[start:stop]
                columns[0] = self.symmetry.turned(columns[0], numbers)
            yield columns

    @property
    def n_held_out(self) -> int:
        """Validation rows of all ranks."""
        return self.source.n - self.n_training

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
