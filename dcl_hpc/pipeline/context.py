"""What a stage works with."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property

from .. import networks
from ..cluster import mpi
from ..cluster.lock import Lock
from ..cluster.log import Log
from ..cluster.signals import StopRequest
from .run import Run


@dataclass
class Context:
    """What a stage works with: the run, its communicator, the log and the stop request."""

    run: Run
    comm: object
    log: Log
    stop: StopRequest

    @cached_property
    def parallel(self):
        """Data-parallel training over these ranks; imports TensorFlow when first asked for."""
        networks.start()
        from ..training import data_parallel

        return data_parallel.connect(self.comm, self.run.job.training.backend)

    @contextmanager
    def claim(self, stage: str):
        """Keep other processes from writing what this stage writes; collective.

        Raises
        ------
        UserError
            If another process works on it.
        """
        lock = Lock(self.run.root / f".{stage}.lock", f"{stage} of {self.run.job.name}")
        with ExitStack() as held:
            mpi.on_root(self.comm, lambda: held.enter_context(lock) and None)
            self.stop.guard = lock.is_mine if self.comm.rank == 0 else None
            held.callback(setattr, self.stop, "guard", None)
            yield
