"""Submit all stages of a job to Slurm, each after those that it needs; finished ones are left out."""

import sys

from .pipeline import command
from .pipeline.submissions import submit

if __name__ == "__main__":
    parser = command.parser("submit", __doc__, alone=True)
    parser.usage = "%(prog)s [options] [job] [-- options of sbatch]"
    parser.add_argument("--dry-run", action="store_true", help="show the commands only")
    parser.add_argument("--update", action="store_true", help="make anew what is out of date, too")
    parser.add_argument("--account", help="account to charge (else $SBATCH_ACCOUNT)")
    parser.add_argument("--partition", help="partition (else $SBATCH_PARTITION)")
    given = sys.argv[1:]
    end = given.index("--") if "--" in given else len(given)
    parser.set_defaults(sbatch=given[end + 1 :])
    command.main_alone(parser, submit, given[:end])
