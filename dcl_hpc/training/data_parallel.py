"""Data-parallel training: Horovod behind a small interface, and its twin for one process.

The only module that imports Horovod.
"""

import numpy as np
import tensorflow as tf


class SingleProcess:
    """One process that has the whole batch."""

    rank, size = 0, 1

    def broadcast(self, variables) -> None:
        """Give all ranks the variables of rank 0."""

    def mean(self, tensors: list) -> list:
        """Mean of each tensor over ranks; usable inside tf.function."""
        return tensors

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Sum of a float64 array over ranks."""
        return values


class Horovod:
    """One rank of a Horovod job.

    Parameters
    ----------
    comm : communicator of the ranks that train together, the same one throughout
    """

    def __init__(self, comm):
        import horovod.tensorflow as hvd

        hvd.init(comm)
        self._hvd = hvd
        self.rank, self.size = hvd.rank(), hvd.size()

    def broadcast(self, variables) -> None:
        """See `SingleProcess.broadcast`."""
        self._hvd.broadcast_variables(variables, root_rank=0)

    def mean(self, tensors: list) -> list:
        """See `SingleProcess.mean`."""
        return self._hvd.grouped_allreduce(tensors, op=self._hvd.Average)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """See `SingleProcess.sum`."""
        return self._hvd.allreduce(tf.constant(values, tf.float64), op=self._hvd.Sum).numpy()


def connect(comm):
    """The interface for the ranks of a communicator."""
    return Horovod(comm) if comm.size > 1 else SingleProcess()
