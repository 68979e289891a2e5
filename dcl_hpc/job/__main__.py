"""What a job file can say, a new one, or what is wrong with one."""

import argparse
import json
import signal
import sys

from ..errors import UserError
from .file import DEFAULT_STUDY, STUDIES, load
from .reference import as_text, schema
from .template import KINDS, new


def main(argv=None) -> None:
    """Print what is asked for; without arguments every key of a job file."""
    parser = argparse.ArgumentParser(
        prog="python -m dcl_hpc.job",
        description="Print every key of a job file with its default, type, unit and meaning.",
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument("job", nargs="?", metavar="FILE", help="say what is wrong with this job file instead")
    group.add_argument("--schema", action="store_true", help="print a JSON schema for editors")
    group.add_argument("--new", choices=KINDS, help="print a new job file, with every key explained")
    parser.add_argument(
        "--study", choices=STUDIES, default=DEFAULT_STUDY,
        help="kind of study of keys and schema (default: %(default)s)",
    )  # fmt: skip
    options = parser.parse_args(argv)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader such as `head` may end first
    if options.schema:
        print(json.dumps(schema(options.study), indent=2))
    elif options.new:
        print(new(options.new), end="")
    elif options.job:
        try:
            load(options.job)
        except UserError as error:
            print(f"dcl_hpc: error: {error}", file=sys.stderr)
            sys.exit(2)
        print(f"{options.job} is valid")
    else:
        print(as_text(options.study))


if __name__ == "__main__":
    main()
