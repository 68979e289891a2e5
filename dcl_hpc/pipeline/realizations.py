"""Work on one system, or on all realizations of an ensemble by groups of ranks."""

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from ..cluster import mpi
from ..cluster.groups import share_out
from ..errors import UserError
from . import opening
from .context import Context
from .run import Run
from .state import OtherJob
from .study import load


@dataclass(frozen=True)
class Work:
    """Something to do for every system.

    Attributes
    ----------
    name : str
        Of the stage.
    outputs : callable (run)
        Which of its outputs are to be made.
    alone : bool
        Whether nothing else is done, so that it is worth a line that there is nothing to do.
    """

    name: str
    outputs: Callable[[Run], tuple[str, ...]]
    alone: bool = True

    def __call__(self, context: Context) -> None:
        """Make the outputs of one system."""
        wanted = mpi.on_root(context.comm, self.outputs, context.run)
        if not wanted and self.alone:
            context.log(f"{self.name}: this job asks for none")
        most = context.run.stage(self.name).most_ranks(context.run.job)
        groups = min(len(wanted), -(-context.comm.size // most)) if most else 1
        if groups > 1:
            self._share_out(context, wanted, groups)
            return
        for output in wanted:
            context.perform(output)

    @staticmethod
    def _share_out(context: Context, outputs: tuple[str, ...], groups: int) -> None:
        """Make outputs by groups of ranks, as one of them cannot use all ranks."""
        mpi.on_root(context.comm, opening.save, context.run)

        def one(output, group, number):
            log = context.log.part(group.rank, "", bars=number == 0)
            own = Context(replace(context.run, ranks=group.size), group, log, context.stop, context.update)
            own.perform(output)

        failures = share_out(context.comm, outputs, one, context.stop, groups=groups)
        if failures:
            raise UserError.everywhere(failures[min(failures)])


def perform(context: Context, works, index: int | None = None, together: bool = False) -> None:
    """Do some work for a run: one system, or the realizations of an ensemble shared out to the ranks.

    Parameters
    ----------
    works : sequence of Work, or of other callables (context)
    index : int, optional
        Only the realization at this position.
    together : bool
        Whether the report of the ensemble follows.
    """
    for work in works:  # all of them before the first begins
        if isinstance(work, Work):
            context.require_memory(work.name)
    if not context.run.realizations:
        for work in works:
            work(context)
        return
    run, comm, stop = context.run, context.comm, context.stop
    parts = mpi.on_root(comm, _parts, run, index)
    if not context.update:
        mpi.on_root(comm, _refuse_mixture, run, works)
    whole, failures = len(parts) == len(run.realizations), {}

    def one(some, item, group, number):
        k, part = item
        if k in failures:
            return
        own = context.log.part(group.rank, f"realization {part.realization}: ", bars=number == 0)
        own_context = Context(replace(part, ranks=group.size), group, own, stop, context.update)
        try:
            for work in some:
                work(own_context)
        except UserError as error:
            own(f"error: {error}")
            raise
        gc.collect()  # networks and open files of a realization that is done

    # with a warm start nobody trains before the first realization has
    names = [getattr(work, "name", "") for work in works]
    if whole and run.study.leading in names and run.job.warm_start:
        first = names.index(run.study.leading) + 1
        phases = [(works[:first], True), (works[first:], False)]
    else:
        phases = [(works, False)]
    for some, first_alone in phases:
        failures |= share_out(comm, list(enumerate(parts)), partial(one, some), stop, first_alone)
    if failures:
        k = min(failures)
        raise UserError.everywhere(
            f"realization {parts[k].realization}: {failures[k]} ({len(failures)} of {len(parts)} failed)"
        )
    if any(isinstance(work, Work) for work in works):
        mpi.on_root(comm, opening.save, run)
    if together and whole:
        load(run.study.together)(context)


def _parts(run: Run, index: int | None) -> tuple[Run, ...]:
    """Realizations to work on, all or one; raises UserError."""
    if index is None:
        return run.realizations
    if not 0 <= index < len(run.realizations):
        raise UserError(
            f"--index {index} is a position in the job's list of realizations, 0 ... "
            f"{len(run.realizations) - 1}: {_shortened(run.job.realizations)}"
        )
    return run.realizations[index : index + 1]


def _refuse_mixture(run: Run, works) -> None:
    """Refuse to make with one job what another one has made for other realizations; raises OtherJob.

    A damaged file is told of when its turn comes, and spares the others.
    """
    for member in run.realizations:
        for work in works:
            for output in work.outputs(member) if isinstance(work, Work) else ():
                problem = member.state(output).problem if output != "report" else None
                if isinstance(problem, OtherJob):
                    raise problem


def _shortened(numbers) -> str:
    shown = [str(number) for number in numbers]
    return ", ".join(shown if len(shown) <= 8 else [*shown[:3], "...", shown[-1]])
