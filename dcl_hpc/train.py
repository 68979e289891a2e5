"""Train the networks: the RNN on observations, then the EDNN on the RNN's labels (data-parallel)."""

from .pipeline import command

if __name__ == "__main__":
    parser = command.parser("train", __doc__)
    parser.add_argument(
        "--network", choices=("rnn", "ednn", "all"), default="all",
        help="which network; 'all' trains the RNN and, once labels exist, the EDNN (default)",
    )  # fmt: skip
    network = parser.parse_args().network
    command.main(parser, *(("rnn", "ednn") if network == "all" else (network,)))
