"""Predict all temperatures: Metropolis with replica exchange, with true or learned energies."""

from .pipeline import command

if __name__ == "__main__":
    parser = command.parser("sweep", __doc__)
    parser.add_argument("--energy", choices=("true", "rnn", "ednn"), help="only the sweeps with this energy")
    command.main(parser, "sweep")
