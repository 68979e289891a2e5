"""Learn energies: the RNN from observations, the EDNN from its labels, committees, direct estimates.

In a thermal study train the same machines as perceptrons, for comparison.
"""

from .pipeline import command

if __name__ == "__main__":
    parser = command.parser("train", __doc__)
    parser.add_argument(
        "--network", choices=("rnn", "ednn", "direct", "committee", "all"), default="all",
        help="which; 'all' trains the RNN and, once labels exist, the EDNN, and fits directly (default)",
    )  # fmt: skip
    network = parser.parse_args().network
    stages = ("rnn", "ednn", "direct", "committee", "train")
    command.main(parser, *(stages if network == "all" else (network,)))
