"""Observe a system at one temperature: Metropolis chains of the true Hamiltonian, written to HDF5.

With --from FILE the configurations are the user's own.
"""

from .pipeline import command
from .stages.observe import observe

if __name__ == "__main__":
    parser = command.parser("observe", __doc__)
    parser.add_argument(
        "--from", dest="source", metavar="FILE",
        help="take the configurations from this .npy, .npz, text or HDF5 file (FILE.h5:/path/of/dataset)",
    )  # fmt: skip
    command.main(parser, observe)
