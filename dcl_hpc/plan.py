"""How many snapshots a wanted error of u or of the peak of c needs, and at which temperature to observe.

From the observations that are there: the covariance of their direct estimate is propagated to what is wanted.
"""

from .pipeline import command
from .reporting.plan import show

if __name__ == "__main__":
    parser = command.parser("plan", __doc__)
    parser.add_argument(
        "--of", choices=("u", "tc"), default="u",
        help="the energy per site, or the temperature where the specific heat is largest (default: u)",
    )  # fmt: skip
    parser.add_argument(
        "--error", type=float, default=0.01, help="standard error that is wanted (default: %(default)s)"
    )
    parser.add_argument(
        "--at", type=float, metavar="T", help="temperature of u (default: of the sweep's, the worst known)"
    )
    parser.add_argument(
        "--shape", metavar="8x8", help="lattice of the prediction (default: the observed one)"
    )
    parser.add_argument(
        "--samples", type=command.whole, metavar="N", help="tell also the error from so many snapshots"
    )
    command.main(parser, show)
