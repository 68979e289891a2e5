"""Hostile input of all kinds, chosen at random: nothing breaks, nothing wrong is taken, nothing is lost.

    python benchmarks/hardening.py [--kinds jobs disk ...] [--cases N] [--seed S] [--quick] [--json]

Each case is a command of its own process. Faults are counted by what they are: a *traceback*; a *crash*
(ended by a signal, another exit code than 0, 2, 85, 130, or more than 1 GiB of memory); a *hang* of more than
20 s; changed data that is *accepted* in silence; results that are *lost* or have other bits; and an *untidy*
message, of more than one line, more than 500 characters, or with control characters. Ctrl-C ends a kind with
the cases done so far.
"""

import argparse
import contextlib
import importlib
import random
import secrets
import sys
import tempfile
import time
from pathlib import Path

from hostile.trial import FAULTS, Tally
from outcome import add_arguments, finish

# Cases of the long form and of the quick one.
KINDS = {
    "jobs": (5000, 20),
    "hdf5": (500, 3),
    "imports": (500, 10),
    "special": (100, 8),
    "disk": (300, 1),
    "signals": (200, 1),
    "kills": (100, 1),
}


def main() -> int:
    """Make the cases and count faults."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="default: all")
    parser.add_argument("--cases", type=int, help="of each kind, in place of its own number")
    parser.add_argument("--seed", type=int, help="of all cases (default: another one each time; quick: 0)")
    add_arguments(parser)
    options = parser.parse_args()
    seed = options.seed
    if seed is None:
        seed = 0 if options.quick else secrets.randbelow(2**32)
    print(f"seed {seed}", flush=True)
    result, wrong = {"seed": seed}, []
    print(f"{'':<10}{'cases':>10}" + "".join(f"{fault:>12}" for fault in FAULTS), flush=True)
    for kind in options.kinds:
        cases = options.cases or KINDS[kind][options.quick]
        tally, begun = Tally(), time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"hardening_{kind}_", ignore_cleanup_errors=True) as folder:
            module = importlib.import_module(f"hostile.{kind}")
            with contextlib.suppress(KeyboardInterrupt):
                module.run(random.Random(f"{seed} {kind}"), cases, Path(folder), tally)
        result[kind] = {**tally.counts, "seconds": round(time.monotonic() - begun)}
        wrong += tally.wrong
        counts = "".join(f"{tally.counts[fault]:>12}" for fault in FAULTS)
        print(f"{kind:<10}{tally.counts['cases']:>10}{counts}", flush=True)
    finish({**result, "wrong": wrong}, f"hardening.py --seed {seed}", options.json)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
