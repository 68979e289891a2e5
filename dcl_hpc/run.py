"""Run all stages of a job in order, skipping what is complete; --ranks N starts N MPI ranks here."""

import os
import sys

from .cluster.launch import start_ranks
from .pipeline import command

# Ranks that share a core: more only wait for each other.
MOST_A_CORE = 16

if __name__ == "__main__":
    parser = command.parser("run", __doc__)
    command.accept_snapshots(parser)
    parser.add_argument(
        "--ranks", type=command.whole, default=1, help="MPI ranks to start on this machine (default 1)"
    )
    options, arguments = parser.parse_args(), sys.argv[1:]
    if options.ranks < 1:
        parser.error("--ranks must be at least 1")
    if options.ranks > (most := MOST_A_CORE * os.cpu_count()):
        parser.error(f"--ranks {options.ranks}: this machine has {os.cpu_count()} cores; take at most {most}")
    if options.ranks > 1 and "DCL_STARTED" not in os.environ:
        # mistakes are told before any rank starts
        arguments += [command.DEFAULT_JOB] * (options.job is None)  # said once, not by the ranks again
        command.main_alone(parser, lambda run, _: start_ranks("dcl_hpc.run", options.ranks, arguments))
    command.main(parser)
