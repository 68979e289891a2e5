"""What all commands share: arguments, the job, the run folder, the machinery around the work."""

import argparse
import gc
import os
import sys
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from ..job import file as job_file
from ..cluster import mpi
from ..cluster.groups import share_out
from ..cluster.lock import Lock
from ..cluster.log import Log
from ..cluster.signals import UNFINISHED, Stopped, StopRequest
from ..errors import UserError
from .run import OtherJob, Run

DEFAULT_JOB = "jobs/ising_L8.toml"
# Commands that write one file each; a sweep claims its own.
CLAIMED = ("observe", "train", "label", "evaluate")


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
        from ..training import data_parallel

        return data_parallel.connect(self.comm)

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


def parser(module: str, about: str, alone: bool = False) -> argparse.ArgumentParser:
    """An argument parser with the arguments that all commands take; `alone` is for those without MPI."""
    result = argparse.ArgumentParser(
        prog=f"python -m dcl_hpc.{module}",
        description=about,
        epilog="Start it under mpiexec or srun to use several ranks. A stage that was stopped goes on "
        "where it was; one that is complete is left as it is. Exit codes: 0 done, 2 wrong input, "
        f"{UNFINISHED} stopped by a signal after saving (start again to go on).",
    )
    result.add_argument(
        "job", nargs="?", default=os.environ.get("DCL_JOB", DEFAULT_JOB),
        help="job file (default: $DCL_JOB, else %(default)s)",
    )  # fmt: skip
    result.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", dest="overrides",
        help="override a value of the job file, e.g. --set rnn.epochs=5; may be repeated",
    )  # fmt: skip
    result.add_argument(
        "--runs", type=Path, default=Path(os.environ.get("DCL_RUNS", "runs")), metavar="FOLDER",
        help="where results go, in a folder named after the job (default: $DCL_RUNS, else %(default)s)",
    )  # fmt: skip
    if not alone:
        result.add_argument(
            "--index", type=int, metavar="POSITION",
            help="for arrays of Slurm: only the realization at this position of the job's list, from 0; in a "
            "job of a single system only this one of its sweeps",
        )  # fmt: skip
    return result


def load_run(options, ranks: int) -> Run:
    """The run that the arguments name; raises UserError."""
    job, text = job_file.load(options.job, tuple(options.overrides))
    return Run(job, text, str(options.job), options.runs, ranks, tuple(options.overrides))


def main(command_parser: argparse.ArgumentParser, *stages, together=None, argv=None) -> None:
    """Parse, load the job on rank 0, run the stages, and exit.

    The realizations of an ensemble are shared out to groups of ranks.

    Parameters
    ----------
    stages : callables (context, options)
    together : callable (context, options), optional
        What follows when all realizations of an ensemble are done, with the context of the ensemble.
    """
    options = command_parser.parse_args(argv)

    def work(comm):
        # read by TensorFlow when it is imported, which not all stages do
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(mpi.threads_per_rank(comm)))
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
        os.environ["DCL_LOCAL_RANK"] = str(mpi.local_rank(comm))
        run = mpi.on_root(comm, load_run, options, comm.size)
        stop, log = StopRequest(), Log(comm.rank)

        try:
            if run.realizations:
                _ensemble(run, comm, log, stop, stages, together, options)
            elif options.index is not None and [stage.__name__ for stage in stages] != ["sweep"]:
                raise UserError.everywhere("--index: this job is one system, not several realizations")
            else:
                _perform(Context(run, comm, log, stop), stages, options)
        except Stopped:
            log("stopped; start the same command again to go on")
            return UNFINISHED
        return 0

    mpi.run(work)


def _perform(context: Context, stages, options) -> None:
    """Run the stages for one system."""
    for stage in stages:
        context.stop.check(context.comm)
        name = stage.__name__.partition("_")[0]
        with context.claim(name) if name in CLAIMED else nullcontext():
            stage(context, options)


def _ensemble(run: Run, comm, log: Log, stop: StopRequest, stages, together, options) -> None:
    """Run the stages for all realizations, or one, by groups of ranks; then what follows for all together."""
    parts = mpi.on_root(comm, _parts, run, options.index)
    mpi.on_root(comm, _refuse_mixture, run, stages)
    whole, failures = len(parts) == len(run.realizations), {}

    def perform(some, item, group, number):
        k, part = item
        if k in failures:
            return
        about = f"realization {part.realization}: "
        own = Log(group.rank, about, bars=number == 0)
        try:
            _perform(Context(replace(part, ranks=group.size), group, own, stop), some, options)
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
        failures |= share_out(comm, list(enumerate(parts)), partial(perform, some), stop, first_alone)
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


def main_alone(command_parser: argparse.ArgumentParser, command, argv=None) -> None:
    """Parse, load the job and call command(run, options) without MPI, which login nodes may not allow."""
    options = command_parser.parse_args(argv)
    try:
        command(load_run(options, 1), options)
    except UserError as error:
        print(f"dcl_hpc: error: {error}", file=sys.stderr)
        sys.exit(2)
