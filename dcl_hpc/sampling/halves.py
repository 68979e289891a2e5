"""Random halves of a set of samples, in blocks that are independent of each other."""

import numpy as np

from .streams import Purpose, generator

# Length of a block in times over which samples are correlated, and fewest blocks of a set.
TIMES, FEWEST = 10, 32


def blocks(axes: tuple[int, ...], along: tuple[int, ...], inefficiency: float) -> np.ndarray:
    """Number of the block that each sample belongs to.

    Parameters
    ----------
    axes : tuple of int
        That count samples, which are numbered in C order.
    along : tuple of int
        Axes along which neighbours are correlated; a block holds one position of each other axis.
    inefficiency : float
        Correlated samples that are worth one independent sample, 2 tau; blocks are ten times as long,
        shorter if there would be fewer than 32.

    Returns
    -------
    int64 (n,)
    """
    length = int(np.ceil(TIMES * inefficiency)) if inefficiency > 1 else 1
    while True:
        sides = [min(length, n) if axis in along else 1 for axis, n in enumerate(axes)]
        counts = [-(-n // side) for n, side in zip(axes, sides, strict=True)]
        if np.prod(counts) >= FEWEST or length == 1:
            break
        length = -(-length // 2)
    numbers = np.zeros((1,) * len(axes), np.int64)
    for axis, (n, side, count) in enumerate(zip(axes, sides, counts, strict=True)):
        own = np.arange(n) // side
        numbers = numbers * count + own.reshape([-1 if k == axis else 1 for k in range(len(axes))])
    return numbers.ravel()


def half(numbers: np.ndarray, seed: int, member: int) -> np.ndarray:
    r"""Samples of one half of the blocks; members 2 k and 2 k + 1 have the two halves of one division.

    An estimate from a random half differs from that of all data by as much as the latter from the truth,
    :math:`\sigma^2 (2/n - 1/n) = \sigma^2/n` (P. McCarthy, Rev. Int. Stat. Inst. 37, 239 (1969); B. Efron,
    The Jackknife, the Bootstrap and Other Resampling Plans, 1982, ch. 8).

    Parameters
    ----------
    numbers : int64 (n,)
        Block of each sample.

    Returns
    -------
    int64 (about n / 2,)
        Their numbers, ascending.
    """
    order = generator(seed, Purpose.HALVES, member // 2).permutation(int(numbers.max()) + 1)
    chosen = np.zeros(len(order), bool)
    chosen[order[: len(order) // 2]] = True
    return np.flatnonzero(chosen[numbers] != bool(member % 2))
