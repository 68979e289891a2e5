"""Learn energies: the RNN from observations, the EDNN from its labels (data-parallel), direct estimates."""

from .pipeline import command

if __name__ == "__main__":
    parser = command.parser("train", __doc__)
    parser.add_argument(
        "--network", choices=("rnn", "ednn", "direct", "all"), default="all",
        help="which; 'all' trains the RNN and, once labels exist, the EDNN, and fits directly (default)",
    )  # fmt: skip
    network = parser.parse_args().network
    command.main(parser, *(("rnn", "ednn", "direct") if network == "all" else (network,)))
