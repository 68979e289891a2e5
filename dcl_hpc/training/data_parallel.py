"""Data-parallel training behind a small interface: by Horovod, by MPI itself, or one process alone.

The only module that imports Horovod.
"""

from importlib.util import find_spec

import numpy as np
import tensorflow as tf

from ..errors import UserError


class SingleProcess:
    """One process that has the whole batch."""

    name, rank, size = "one process", 0, 1

    def broadcast(self, variables) -> None:
        """Give all ranks the variables of rank 0."""

    def mean(self, tensors: list) -> list:
        """Mean of each tensor over ranks; usable inside tf.function."""
        return tensors

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Sum of a float64 array over ranks."""
        return values

    def close(self) -> None:
        """End what goes on beside this program; all ranks have done their last sum."""


class Horovod:
    """One rank of a Horovod job.

    Parameters
    ----------
    comm : communicator of the ranks that train together
        Another one only after `close`.
    """

    def __init__(self, comm):
        import horovod.tensorflow as hvd

        self.name = f"{comm.size} ranks by Horovod"
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

    def close(self) -> None:
        """See `SingleProcess.close`; its thread asks the other ranks a thousand times a second."""
        self._hvd.shutdown()


class Mpi:
    """One rank of those of a communicator, which sums one buffer a step.

    Parameters
    ----------
    comm : communicator of mpi4py
        Of an MPI that lets any thread call it: TensorFlow calls from one of its own.
    """

    def __init__(self, comm):
        self._comm, self.name = comm, f"{comm.size} ranks by MPI"
        self.rank, self.size = comm.rank, comm.size

    def broadcast(self, variables) -> None:
        """See `SingleProcess.broadcast`."""
        for variable in variables:
            value = np.array(variable.numpy())
            self._comm.Bcast(value, root=0)
            variable.assign(value)

    def mean(self, tensors: list) -> list:
        """See `SingleProcess.mean`; tensors of one type."""
        flat = [tf.reshape(tensor, [-1]) for tensor in tensors]
        own = tf.concat(flat, axis=0)
        total = tf.ensure_shape(tf.numpy_function(self.sum, [own], own.dtype), own.shape)
        parts = tf.split(total / self.size, [tf.size(part) for part in flat])
        return [tf.reshape(part, tf.shape(tensor)) for part, tensor in zip(parts, tensors, strict=True)]

    def sum(self, values: np.ndarray) -> np.ndarray:
        """See `SingleProcess.sum`."""
        result = np.empty_like(values)
        self._comm.Allreduce(values, result)
        return result

    def close(self) -> None:
        """See `SingleProcess.close`."""


def connect(comm, backend: str = "auto"):
    """The interface for the ranks of a communicator; collective.

    Parameters
    ----------
    comm : communicator
    backend : {"auto", "horovod", "mpi"}
        "auto" takes Horovod where all ranks have it.

    Raises
    ------
    UserError
        If Horovod is asked for and not installed.
    """
    if comm.size == 1:
        return SingleProcess()
    has_horovod = all(comm.allgather(find_spec("horovod") is not None))
    if backend == "horovod" and not has_horovod:
        raise UserError.everywhere(
            "training.backend = 'horovod': Horovod is not installed; run ./install.sh, or take 'mpi'"
        )
    return Horovod(comm) if has_horovod and backend != "mpi" else Mpi(comm)
