"""Samples of a point of the scan: which of them a rank has, their images and their random numbers."""

import zlib

import numpy as np

from ...cluster import mpi
from ...errors import UserError
from ...sampling.streams import Purpose
from .. import data
from ..machine import Machine


def own_samples(comm, n: int) -> range:
    """The samples that are this rank's.

    Raises
    ------
    UserError
        If there are more ranks than samples.
    """
    if comm.size > n:
        raise UserError.everywhere(
            f"{comm.size} ranks for {n} samples: start at most as many ranks as samples"
        )
    return range(n)[mpi.share(comm, n)]


def subsets(context, machine: Machine, samples: range) -> list[data.Subset]:
    """Images of some samples; collective.

    Raises
    ------
    UserError
        If there are too few for any point of the scan.
    """
    job, comm = context.run.job, context.comm
    digits = mpi.on_root(comm, data.load, job.data)
    largest = max(job.points, key=lambda point: point.images)
    mpi.on_root(comm, data.subset, digits, largest, job.data.test, job.seed, 0)
    return [data.subset(digits, machine, job.data.test, job.seed, sample) for sample in samples]


def keys(seed: int, purpose: Purpose, machine: Machine, *numbers: range) -> np.ndarray:
    """Keys of the random numbers of all combinations of some numbers, the last one fastest.

    Parameters
    ----------
    numbers : ranges of int
        Such as those of the samples, and of the replicas of each.

    Returns
    -------
    uint64 (n, 2)
    """
    point = zlib.crc32(machine.name.encode())  # points of a scan are independent
    grid = np.stack(np.meshgrid(*numbers, indexing="ij"), axis=-1).reshape(-1, len(numbers))
    found = [
        np.random.SeedSequence(seed, spawn_key=(int(purpose), point, *map(int, row))).generate_state(
            2, np.uint64
        )
        for row in grid
    ]
    return np.array(found, np.uint64).reshape(-1, 2)
