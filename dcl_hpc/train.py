"""Learn energies: the RNN from observations, the EDNN from its labels, committees, direct estimates."""

from .pipeline import command

if __name__ == "__main__":
    parser = command.parser("train", __doc__)
    parser.add_argument(
        "--network", choices=("rnn", "ednn", "direct", "committee", "all"), default="all",
        help="which; 'all' trains the RNN and, once labels exist, the EDNN, and fits directly (default)",
    )  # fmt: skip
    network = parser.parse_args().network
    command.main(parser, *(("rnn", "ednn", "direct", "committee") if network == "all" else (network,)))
