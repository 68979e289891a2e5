"""Stages of one system, or of all realizations of an ensemble by groups of ranks."""

import gc
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from ..cluster import mpi
from ..cluster.groups import share_out
from ..cluster.log import Log
from ..cluster.signals import StopRequest
from ..errors import UserError
from .context import Context
from .run import OtherJob, Run

# Commands that write one file each; a sweep claims its own.
CLAIMED = ("observe", "train", "label", "evaluate")


def perform_one(context: Context, stages, options) -> None:
    """Run the stages for one system."""
    for stage in stages:
        context.stop.check(context.comm)
        name = stage.__name__.partition("_")[0]
        with context.claim(name) if name in CLAIMED else nullcontext():
            stage(context, options)


def perform_all(run: Run, comm, log: Log, stop: StopRequest, stages, together, options) -> None:
    """Run the stages for all realizations, or one, by groups of ranks; then what follows for all together."""
    parts = mpi.on_root(comm, _parts, run, options.index)
    mpi.on_root(comm, _refuse_mixture, run, stages)
    whole, failures = len(parts) == len(run.realizations), {}

    def work(some, item, group, number):
        k, part = item
        if k in failures:
            return
        about = f"realization {part.realization}: "
        own = Log(group.rank, about, bars=number == 0)
        try:
            perform_one(Context(replace(part, ranks=group.size), group, own, stop), some, options)
        except UserError as error:
            own(f"error: {error}")
            raise
        gc.collect()  # networks and open files of a realization that is done

    # with a warm start nobody trains before the first realization has
    trains = [stage.__name__.startswith("train") for stage in stages]
    if run.job.rnn.warm_start and whole and any(trains):
        first = trains.index(True) + 1
        phases = [(stages[:first], True), (stages[first:], False)]
    else:
        phases = [(stages, False)]
    for some, first_alone in phases:
        failures |= share_out(comm, list(enumerate(parts)), partial(work, some), stop, first_alone)
    if failures:
        k = min(failures)
        raise UserError.everywhere(
            f"realization {parts[k].realization}: {failures[k]} ({len(failures)} of {len(parts)} failed)"
        )
    if together is not None and whole:
        together(Context(run, comm, log, stop), options)


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


def _refuse_mixture(run: Run, stages) -> None:
    """Refuse to make with one job what another one has made for other realizations; raises OtherJob."""
    commands = {stage.__name__.partition("_")[0] for stage in stages}
    for member in run.realizations:
        for name in member.stages:
            if {"rnn": "train", "ednn": "train"}.get(name, name.partition("_")[0]) in commands:
                try:
                    member.progress(name)
                except OtherJob:
                    raise
                except UserError:
                    pass  # a damaged file is told of when its turn comes, and spares the others


def _shortened(numbers) -> str:
    shown = [str(number) for number in numbers]
    return ", ".join(shown if len(shown) <= 8 else [*shown[:3], "...", shown[-1]])
