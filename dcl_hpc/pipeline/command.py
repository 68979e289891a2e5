"""What all commands share: arguments, the job, the run folder, the machinery around the work."""

import argparse
import os
import sys
from pathlib import Path

from .. import networks, storage
from ..cluster import mpi, startup
from ..cluster.log import Log
from ..cluster.signals import UNFINISHED, Stopped, StopRequest
from ..errors import UserError
from ..job import file as job_file
from .context import Context
from .realizations import perform_all, perform_one
from .run import Run

DEFAULT_JOB = "jobs/ising_L8.toml"


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
        storage.require_parallel(comm)
        startup.prepare(comm)
        run = mpi.on_root(comm, load_run, options, comm.size)
        if run.job.trains_networks and any(stage.__name__.startswith("train") for stage in stages):
            mpi.on_root(comm, networks.require)
        stop, log = StopRequest(), Log(comm.rank)

        try:
            if run.realizations:
                perform_all(run, comm, log, stop, stages, together, options)
            elif options.index is not None and [stage.__name__ for stage in stages] != ["sweep"]:
                raise UserError.everywhere("--index: this job is one system, not several realizations")
            else:
                perform_one(Context(run, comm, log, stop), stages, options)
        except Stopped:
            log("stopped; start the same command again to go on")
            return UNFINISHED
        return 0

    mpi.run(work)


def main_alone(command_parser: argparse.ArgumentParser, command, argv=None) -> None:
    """Parse, load the job and call command(run, options) without MPI, which login nodes may not allow."""
    options = command_parser.parse_args(argv)
    try:
        command(load_run(options, 1), options)
    except UserError as error:
        print(f"dcl_hpc: error: {error}", file=sys.stderr)
        sys.exit(2)
