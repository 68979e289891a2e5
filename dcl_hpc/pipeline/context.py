"""What a stage works with."""

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from .. import networks
from ..cluster import mpi
from ..cluster.lock import Lock
from ..cluster.log import Log
from ..cluster.signals import StopRequest
from ..job.needs import refuse
from . import opening
from .run import Run


@dataclass
class Context:
    """What a stage works with: the run, its communicator, the log and the stop request.

    `update` is whether files that are out of date are moved aside and made anew. In `found` a stage keeps
    what took long to find and what its next output needs, too.
    """

    run: Run
    comm: object
    log: Log
    stop: StopRequest
    update: bool = False
    found: dict = field(default_factory=dict)

    @cached_property
    def parallel(self):
        """Data-parallel training over these ranks; imports TensorFlow when first asked for."""
        networks.start()
        from ..training import data_parallel

        return data_parallel.connect(self.comm, self.run.job.training.backend)

    def _disconnect(self) -> None:
        """End the training's connection; beside its thread, chains on several ranks are ten times slower."""
        if parallel := self.__dict__.pop("parallel", None):
            parallel.close()

    def require_memory(self, stage: str) -> None:
        """Raise UserError if a machine has not the memory that a stage needs; collective."""
        if need := self.run.job.needs.get(stage):
            machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            mpi.on_root(self.comm, refuse, need, stage, mpi.share_of_node(self.comm), machine)

    def perform(self, output: str) -> None:
        """Make an output of this run, or go on with it, unless it is complete; collective.

        Raises
        ------
        UserError
            If something is missing or out of date, or another process works on it.
        """
        self.stop.check(self.comm)
        with self._claim(output):
            complete, said = mpi.on_root(self.comm, self.run.prepare, output, self.update)
            for line in said:
                self.log(f"{output}: {line}")
            stage = self.run.stage(output)
            if complete and not stage.always:
                self.log(f"{output}: {self.run.path(output)} is complete")
                mpi.on_root(self.comm, opening.keep, self.run)
            else:
                for name in stage.needs(self.run.job, output):
                    mpi.on_root(self.comm, self.run.require, name)
                stage.perform(self, output)
                self._disconnect()
                mpi.on_root(self.comm, opening.save, self.run)
            self.comm.Barrier()

    @contextmanager
    def _claim(self, output: str):
        """Keep other processes from writing an output; collective."""
        lock = Lock(self.run.root / f".{output}.lock", f"{output} of {self.run.job.name}")
        with ExitStack() as held:
            mpi.on_root(self.comm, lambda: held.enter_context(lock) and None)
            self.stop.guard = lock.is_mine if self.comm.rank == 0 else None
            held.callback(setattr, self.stop, "guard", None)
            yield
