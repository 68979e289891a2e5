"""Predict all temperatures: Metropolis with replica exchange, with true or learned energies."""

from .energy.factory import ENERGIES
from .pipeline import command

if __name__ == "__main__":
    parser = command.parser("sweep", __doc__)
    parser.add_argument("--energy", choices=tuple(ENERGIES), help="only the sweeps with this energy")
    command.main(parser, "sweep")
