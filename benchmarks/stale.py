"""Make results stale or damaged in every way we know, and see what status, run and report say of them.

    python benchmarks/stale.py [--quick] [--json]

A tiny system and an ensemble of two glasses are finished once. For each way the folder of the run is copied,
something in it is replaced, and the commands are asked. Nothing that is out of date may be used: `run` and
`report` refuse with exit code 2. `run --update` must then finish, and every result that was there before must
still be there or below the folder `old`. `--quick` tries one way.
"""

import argparse
import itertools
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hostile.ways import QUICK, WAYS, Trial, Way
from outcome import add_arguments, finish

# What status says of a file that must not be used.
TOLD = re.compile(r"^ +(?:realization \d+: )?runs/tiny/(?!report/)(\S+) (?:is|was) ")


def answers(trial: Trial, way: Way) -> dict:
    """What the commands say after something was replaced, and whether --update mends it."""
    arguments = way.make(trial)
    arguments = arguments if isinstance(arguments, list) else []
    known = [] if "--from" in arguments else arguments  # only observe and run take that
    before = trial.results()
    _, status = trial("status", *known)
    named = {found[1] for line in status.splitlines() if (found := TOLD.match(line))}
    report_is_told = bool(re.search(r"^  report +out of date", status, re.MULTILINE))
    run, report = trial("run", *arguments), trial("report", *known)
    update, after = trial("run", "--update", *arguments), trial("status", *known)[1]
    kept = set(trial.results().values())
    result = {
        "status": sorted(named) + ["report"] * report_is_told,
        "run": _summed(run),
        "report": _summed(report),
        "update": _summed(update),
        "complete": not re.search("out of date|damaged|begun|  -", after),
        "lost": [str(path.relative_to(trial.root)) for path, data in before.items() if data not in kept],
    }
    if "--from" not in arguments:
        assert_told = named == set(way.stale.split()) and report_is_told == way.report
    else:  # status is not told of the file
        assert_told = not named - set(way.stale.split())
    code = 2 if way.refused else 0
    refuses = run[0] == code and (report[0] == code or known != arguments)
    mended = update[0] == 0 and result["complete"] and not result["lost"]
    return result | {"as_it_should": bool(assert_told and refuses and mended)}


def _summed(answer: tuple[int, str]) -> str:
    code, said = answer
    errors = [line for line in said.splitlines() if "error:" in line]
    return f"{code}: {errors[-1].partition('error: ')[2]}" if errors else f"{code}"


def main() -> int:
    """Try all ways."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    options = parser.parse_args()
    chosen = QUICK if options.quick else WAYS
    result = {}
    print(f"{'way':<34}{'status names':<42}{'run':>5}{'report':>8}  after run --update")
    with tempfile.TemporaryDirectory(prefix="stale_") as name:
        finished = {}
        for job in dict.fromkeys(way.of for way in chosen.values()):
            finished[job] = Path(name) / f"finished_{len(finished)}"
            finished[job].mkdir()
            (finished[job] / "job.toml").write_text(job)
            subprocess.run(
                [sys.executable, "-m", "dcl_hpc.run", finished[job] / "job.toml",
                 "--runs", finished[job] / "runs"],
                capture_output=True, check=True,
            )  # fmt: skip
        for number, (way, how) in zip(itertools.count(), chosen.items()):
            found = result[way] = answers(Trial(Path(name) / str(number), finished[how.of]), how)
            told = f"{len(found['status'])}: {', '.join(found['status'])}" if found["status"] else "nothing"
            after = "complete" if found["complete"] else found["update"]
            after += f", LOST {', '.join(found['lost'])}" if found["lost"] else ""
            after += "" if found["as_it_should"] else "  NOT AS IT SHOULD BE"
            told = told if len(told) < 42 else f"{told[:37]}..."
            print(f"{way:<34}{told:<42}{found['run'][:1]:>5}{found['report'][:1]:>8}  {after}", flush=True)
            shutil.rmtree(Path(name) / str(number))
    wrong = [way for way, found in result.items() if not found["as_it_should"]]
    print(f"{len(result)} ways, {len(wrong)} not told or not mended")
    finish({"count": len(result), "not_told": len(wrong), "ways": result}, "stale.py", options.json)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
