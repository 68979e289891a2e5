"""HDF5 files: the only contract between stages. Nothing outside this package imports h5py."""

from ..cluster import mpi
from ..errors import UserError

with mpi.not_initialized():
    import h5py  # built with MPI it imports mpi4py


def require_parallel(comm) -> None:
    """Make sure that all ranks can open a file together.

    Raises
    ------
    UserError
        If there are several and h5py is not built with MPI.
    """
    if comm.size > 1 and not h5py.get_config().mpi:
        raise UserError.everywhere(
            f"{comm.size} ranks need an h5py built with MPI and this one is not; ./install.sh builds it, or "
            "start one process"
        )
