"""Run all stages of a job in order, skipping what is complete; --ranks N starts N MPI ranks here."""

import os
import shutil
import sys

from .pipeline import command as cli
from .reporting.realizations import report_ensemble
from .stages.evaluate import evaluate
from .stages.label import label
from .stages.observe import observe
from .reporting.single import report
from .stages.sweep import sweep
from .stages.train import train_ednn, train_rnn

STAGES = (observe, train_rnn, label, train_ednn, evaluate, sweep, report)
# Open MPI: root is allowed (containers), more ranks than cores too, and a rank's threads may use all
# cores. Other MPI libraries ignore these.
SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
}


def start_ranks(options, arguments: list[str]) -> None:
    """Replace this process by mpiexec running the same command on several ranks."""
    launcher = shutil.which("mpiexec")
    if launcher is None:
        print("dcl_hpc: error: mpiexec is not in PATH; load an MPI module", file=sys.stderr)
        sys.exit(2)
    command = [launcher, "-n", str(options.ranks), sys.executable, "-m", "dcl_hpc.run", *arguments]
    os.execve(launcher, command, {**SETTINGS, **os.environ, "DCL_STARTED": "1"})


if __name__ == "__main__":
    parser = cli.parser("run", __doc__)
    parser.add_argument("--ranks", type=int, default=1, help="MPI ranks to start on this machine (default 1)")
    options, arguments = parser.parse_args(), sys.argv[1:]
    if options.ranks < 1:
        parser.error("--ranks must be at least 1")
    if options.ranks > 1 and "DCL_STARTED" not in os.environ:
        cli.main_alone(parser, lambda run, _: None)  # mistakes are told before any rank starts
        start_ranks(options, arguments)
    cli.main(parser, *STAGES, together=report_ensemble)
