"""What commands set before they work; importing the package sets nothing."""

import faulthandler
import os

from . import mpi


def prepare(comm) -> None:
    """Give this rank its share of the node: threads of TensorFlow and of BLAS, and its number there.

    What the environment says of threads is kept where it is less. From here on a crash inside a library says
    where in Python it happened; MPI's own handler, which it replaces, does not.
    """
    faulthandler.enable(2)
    threads = mpi.threads_per_rank(comm)
    # read by TensorFlow when it is imported, which not all stages do
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ["DCL_LOCAL_RANK"] = str(mpi.local_rank(comm))
    import scipy.linalg  # noqa: F401  its BLAS is another than NumPy's
    from threadpoolctl import ThreadpoolController  # sets a variable of the environment

    for library in ThreadpoolController().select(user_api="blas").lib_controllers:
        library.set_num_threads(min(threads, library.num_threads))
