"""Print the exact thermodynamics of a job's lattices, without any simulation."""

from .pipeline import command
from .reporting.exact_values import show

if __name__ == "__main__":
    parser = command.parser("exact", __doc__)
    parser.add_argument("--shape", metavar="8x8", help="only this lattice (default: all of the sweep)")
    parser.add_argument("--temperatures", metavar="T,T", help="default: of the sweep and the observations")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each system")
    command.main(parser, show)
