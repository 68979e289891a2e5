"""Label configurations with the RNN's energy, for the EDNN to learn from.

With --from FILE write the energies of the configurations in that file by any energy that the run has.
"""

from .energy.factory import ENERGIES
from .pipeline import command
from .reporting.energies import write_energies

if __name__ == "__main__":
    parser = command.parser("label", __doc__)
    parser.add_argument(
        "--from", dest="configurations", metavar="FILE",
        help="write the energies of the configurations in this file (.npy, .npz, text or HDF5) instead",
    )  # fmt: skip
    parser.add_argument("--energy", choices=tuple(ENERGIES), help="with --from: by which energy")
    parser.add_argument(
        "--to", metavar="FILE",
        help="with --from: the file to write, .npy, .h5 or .csv (default: in the folder energies of the run)",
    )  # fmt: skip
    options = parser.parse_args()
    if options.configurations is None and (options.energy or options.to):
        parser.error("--energy and --to go with --from")
    command.main(parser, "label" if options.configurations is None else write_energies)
