"""Starting MPI ranks on this machine."""

import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from functools import partial

from ..errors import UserError
from . import interruption

# Open MPI: root is allowed (containers), more ranks than cores too, and a rank's threads may use all
# cores. Other MPI libraries ignore these.
SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
}


def start_ranks(module: str, ranks: int, arguments: list[str]) -> None:
    """Run a module of this program on several ranks, and leave with their exit code.

    At Ctrl-C mpiexec would give the ranks a second to save their work; so it has a session of its own, and
    is sent SIGUSR1, which it forwards. A second Ctrl-C ends all.

    Raises
    ------
    UserError
        If there is no mpiexec or no mpi4py.
    """
    if importlib.util.find_spec("mpi4py") is None:
        raise UserError(f"--ranks {ranks} needs mpi4py; pip install '.[mpi]', or leave out --ranks")
    launcher = shutil.which("mpiexec")
    if launcher is None:
        raise UserError("mpiexec is not in PATH; load an MPI module, or leave out --ranks")
    command = [launcher, "-n", str(ranks), sys.executable, "-m", module, *arguments]
    environment = {**SETTINGS, **os.environ, "DCL_STARTED": "1"}
    # PR_SET_PDEATHSIG: it ends when this process does
    dying = partial(ctypes.CDLL(None).prctl, 1, int(signal.SIGTERM)) if sys.platform == "linux" else None
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=dying
    )
    asked: list[int] = []

    def ask(number, frame):
        asked.append(number)
        process.send_signal(signal.SIGTERM if asked.count(signal.SIGINT) > 1 else signal.SIGUSR1)

    interruption.hear(ask)
    code = process.wait()
    if asked and code not in (0, 2, interruption.UNFINISHED):
        code = interruption.INTERRUPTED  # or it had not begun
    sys.exit(code if code >= 0 else 128 - code)
