"""Starting MPI ranks on this machine."""

import importlib.util
import os
import shutil
import sys

from ..errors import UserError

# Open MPI: root is allowed (containers), more ranks than cores too, and a rank's threads may use all
# cores. Other MPI libraries ignore these.
SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
}


def start_ranks(module: str, ranks: int, arguments: list[str]) -> None:
    """Replace this process by mpiexec running a module of this program on several ranks.

    Raises
    ------
    UserError
        If there is no mpiexec or no mpi4py.
    """
    if importlib.util.find_spec("mpi4py") is None:
        raise UserError(f"--ranks {ranks} needs mpi4py; pip install 'dcl_hpc[mpi]', or leave out --ranks")
    launcher = shutil.which("mpiexec")
    if launcher is None:
        raise UserError("mpiexec is not in PATH; load an MPI module, or leave out --ranks")
    command = [launcher, "-n", str(ranks), sys.executable, "-m", module, *arguments]
    os.execve(launcher, command, {**SETTINGS, **os.environ, "DCL_STARTED": "1"})
