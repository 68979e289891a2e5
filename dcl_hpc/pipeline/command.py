"""What all commands share: arguments, the job, the run folder, the machinery around the work."""

import argparse
import os
import re
import sys
from functools import partial
from pathlib import Path

from .. import networks, storage
from ..cluster import mpi, startup
from ..cluster.interruption import INTERRUPTED, UNFINISHED
from ..cluster.log import Log
from ..cluster.signals import Stopped, StopRequest
from ..errors import LONGEST, UNSEEN, UserError, quoted, shown
from ..job import file as job_file
from ..job.file import DEFAULT_STUDY
from .context import Context
from .realizations import Work, perform
from .run import Run
from .stages import STUDIES

DEFAULT_JOB = "jobs/ising_L8.toml"


class Parser(argparse.ArgumentParser):
    """One that takes no empty text, nor any that cannot be shown, and tells mistakes shortly."""

    def parse_args(self, args=None, namespace=None):
        """See `argparse.ArgumentParser.parse_args`."""
        options = super().parse_args(args, namespace)
        for name, value in vars(options).items():
            if isinstance(value, str) and (not value.strip() or UNSEEN.search(value)):
                self.error(f"{name}: {quoted(value)} is empty or has characters that cannot be seen")
        return options

    def error(self, message: str):
        """End with one line."""
        self.exit(2, f"dcl_hpc: error: {shown(message, LONGEST - 20)}; see --help\n")


def whole(text: str) -> int:
    """A whole number of the command line."""
    if not re.fullmatch("-?[0-9]{1,12}", text):
        raise argparse.ArgumentTypeError(f"{quoted(text)} is not a whole number, or too large")
    return int(text)


def parser(module: str, about: str, alone: bool = False) -> Parser:
    """An argument parser with the arguments that all commands take; `alone` is for those without MPI."""
    result = Parser(
        prog=f"python -m dcl_hpc.{module}",
        allow_abbrev=False,
        description=about,
        epilog="Start it under mpiexec or srun to use several ranks. A stage that was stopped goes on "
        "where it was; one that is complete is left as it is. Exit codes: 0 done, 2 wrong input, "
        f"{UNFINISHED} stopped by a signal or Ctrl-C after saving (start again to go on), {INTERRUPTED} "
        "ended by a second Ctrl-C, or before the work began.",
    )
    result.add_argument(
        "job", nargs="?", default=os.environ.get("DCL_JOB"),
        help=f"job file (default: $DCL_JOB, else {DEFAULT_JOB})",
    )  # fmt: skip
    result.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", dest="overrides",
        help="override a value of the job file, e.g. --set rnn.epochs=5; may be repeated",
    )  # fmt: skip
    result.add_argument(
        "--runs", default=os.environ.get("DCL_RUNS", "runs"), metavar="FOLDER",
        help="where results go, in a folder named after the job (default: $DCL_RUNS, else %(default)s)",
    )  # fmt: skip
    if not alone:
        result.add_argument(
            "--index", type=whole, metavar="POSITION",
            help="for arrays of Slurm: only the realization at this position of the job's list, from 0; in a "
            "job of a single system only this one of the stage's outputs",
        )  # fmt: skip
        result.add_argument(
            "--update", action="store_true",
            help="make anew what is out of date: made by another job, from files that were replaced since, "
            "or damaged; old files are moved to the folder old of the run",
        )  # fmt: skip
    return result


def accept_snapshots(command_parser: argparse.ArgumentParser) -> None:
    """Add the argument that names configurations of the user's own."""
    command_parser.add_argument(
        "--from", dest="snapshots", metavar="FILE",
        help="take the configurations from this .npy, .npz, text or HDF5 file (FILE.h5:/path/of/dataset)",
    )  # fmt: skip


def load_run(options, ranks: int) -> Run:
    """The run that the arguments name; raises UserError."""
    if options.job is None:
        options.job = DEFAULT_JOB
        print(f"no job is named: this is about {DEFAULT_JOB}", file=sys.stderr, flush=True)
    job, text = job_file.load(options.job, tuple(options.overrides))
    study = STUDIES[job.study]
    if unknown := sorted(set(job.resources) - set(study.names)):
        raise UserError(f"resources.{unknown[0]}: no such stage; there are {', '.join(study.names)}")
    snapshots = getattr(options, "snapshots", None)
    if snapshots is None and hasattr(options, "snapshots"):
        snapshots = job.source
    elif snapshots is not None and not study.imported:
        raise UserError(f"--from: a study of the kind '{job.study}' takes no snapshots; leave it out")
    run = Run(
        job, text, options.job, Path(options.runs), ranks, tuple(options.overrides), snapshots=snapshots
    )
    if snapshots is not None and run.realizations and options.index is None:
        raise UserError("--from: every realization has snapshots of its own; choose one with --index")
    return run


def main(command_parser: argparse.ArgumentParser, *stages, argv=None) -> None:
    """Parse, load the job on rank 0, do the work of some stages, and exit.

    The realizations of an ensemble are shared out to groups of ranks.

    Parameters
    ----------
    stages : str, or callables (context, options)
        Names of stages, of which those are meant that the job's study has, by default all; or functions that
        only show something of a lattice study.
    """
    options = command_parser.parse_args(argv)

    def work(comm):
        storage.require_parallel(comm)
        startup.prepare(comm)
        run = mpi.on_root(comm, load_run, options, comm.size)
        wanted = mpi.on_root(comm, _wanted, run, options, stages)
        context = Context(run, comm, Log(comm.rank), StopRequest(), options.update)
        works = [_work(one, options, alone=len(wanted) == 1) for one in wanted]
        try:
            perform(context, works, options.index, together="report" in wanted)
        except Stopped:
            context.log("stopped; start the same command again to go on")
            return UNFINISHED
        finally:
            context.stop.finish()
        return 0

    mpi.run(work)


def _wanted(run: Run, options, stages) -> tuple:
    """What is to be done, checked before anything starts; raises UserError."""
    if any(callable(one) for one in stages):
        if run.job.study != DEFAULT_STUDY:
            raise UserError(f"this command is not for studies of the kind '{run.job.study}'")
        return stages
    wanted = run.study.chosen(stages or run.study.names)
    # stages that may make several outputs name each of them, also where it is the only one
    array = len(wanted) == 1 and any("_" in output for output in run.study.stage(wanted[0]).wanted(run.job))
    if options.index is not None and not (run.realizations or array):
        raise UserError("--index: this job is one system, not several realizations")
    if any(run.study.stage(name).networks(run.job) for name in wanted):
        networks.require(run.study.instead)
    return wanted


def _work(stage, options, alone: bool):
    """What is to be done for each system."""
    if isinstance(stage, str):
        return Work(stage, partial(_chosen, stage, options), alone)
    return partial(_shown, stage, options)


def _shown(function, options, context: Context) -> None:
    function(context, options)


def _chosen(name: str, options, run: Run) -> tuple[str, ...]:
    """Outputs of a stage that the command line asks for; raises UserError."""
    outputs = run.stage(name).wanted(run.job)
    if (energy := getattr(options, "energy", None)) is not None:
        outputs = tuple(output for output in outputs if output.startswith(f"sweep_{energy}_"))
    if options.index is not None and run.realization is None:
        if not 0 <= options.index < len(outputs):
            raise UserError(f"--index {options.index}: this job has {name}s 0 ... {len(outputs) - 1}")
        outputs = outputs[options.index : options.index + 1]
    if getattr(options, "network", None) == "all":  # their turn comes when they have something to learn from
        needs = {output: run.stage(output).needs(run.job, output) for output in outputs}
        waiting = ("ednn", "committee_ednn")
        outputs = tuple(o for o in outputs if o not in waiting or all(run.path(n).exists() for n in needs[o]))
    return outputs


def main_alone(command_parser: argparse.ArgumentParser, command, argv=None) -> None:
    """Parse, load the job and call command(run, options) without MPI, which login nodes may not allow."""
    options = command_parser.parse_args(argv)
    mpi.run(lambda comm: command(load_run(options, 1), options), mpi.alone)
