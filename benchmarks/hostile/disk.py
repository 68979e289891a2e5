"""Disks that are full or break: at each stage the k-th call that writes fails, or all from then on.

Calls of two ranks are counted together.
"""

import errno
import json
import os
import random
import runpy
import subprocess
import sys
from pathlib import Path

from hostile import ranks, trial
from hostile.chain import HURRIED, STEPS, Chain, Step
from hostile.faults import Faults, environment

ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
# A command has this long, in s: the first one compiles, and some import TensorFlow.
SLOW = 120.0
# Of that many cases one is of a stage that imports it, and one has two ranks.
RARE, RANKS = 8, 4


def run(chance: random.Random, n: int, folder: Path, tally: trial.Tally) -> None:
    """Make n cases in a process in which calls of the system can fail."""
    (folder / "runs").mkdir()
    changed = environment(folder / "runs", folder)
    if not changed:
        print("disk: no C compiler, no cases", file=sys.stderr)
        return
    command = [sys.executable, "-c", "from hostile import disk; disk.work()"]
    where = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    given = {**os.environ, **changed, "PYTHONPATH": where}
    command += [str(folder), str(n), str(chance.random())]
    last = "[{}, []]"
    with subprocess.Popen(command, env=given, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout:
                last = line
        except KeyboardInterrupt:
            process.kill()
            raise
        finally:  # what is counted before that is kept, too
            counts, wrong = json.loads(last)
            tally.counts.update(counts)
            tally.wrong += wrong
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def work() -> None:
    """What the process does: cases, after each a line of JSON with the counts and what was wrong."""
    folder, n, seed = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    chance, tally, faults = random.Random(seed), trial.Tally(), Faults(folder / "plan")
    import dcl_hpc.pipeline.command  # noqa: F401  before processes are forked

    chain, calls = Chain(folder, lambda step, runs: made(chain, step, runs)), {}
    for number in range(n):
        step = chance.choice([one for one in STEPS if one.quick == (number % RARE != RARE - 1)])
        on = 1 + (chance.randrange(RANKS) == 0)
        if (step, on) not in calls:
            calls[step, on] = counted(chain, faults, step, on, folder / "runs" / "all")
        first, error = chance.randint(1, calls[step, on]), chance.choice(ERRORS)
        case(chain, faults, step, on, first, error, chance.random() < 0.5, folder / "runs" / "case", tally)
        print(json.dumps([tally.counts, tally.wrong]), flush=True)


def counted(chain: Chain, faults: Faults, step: Step, on: int, runs: Path) -> int:
    """How many calls a step makes on so many ranks."""
    chain.begin(step, runs)
    faults.set()
    made(chain, step, runs, on)
    return faults.calls


def case(
    chain, faults, step: Step, on: int, first: int, error: int, lasting: bool, runs: Path, tally
) -> None:
    """One fault, and the same command again when it is gone."""
    which = f"call {first} {'and on' if lasting else 'alone'}"
    said = f"{step.name} on {on} ranks, {which}: {errno.errorcode[error]}"
    chain.after(step)
    chain.begin(step, runs)
    faults.set(first, error, lasting)
    answer = made(chain, step, runs, on)
    faults.set()
    if tally.add(said, answer):
        return
    if wrong := chain.wrong(step, runs, finished=answer.code == 0):
        tally.add(f"{said}: {wrong}", answer, fault="accepted")
        return
    again = made(chain, step, runs, on)
    if again.code or (wrong := chain.wrong(step, runs, finished=True)):
        tally.add(f"{said}: then {wrong}", again, fault="lost")


def made(chain: Chain, step: Step, runs: Path, on: int = 1) -> trial.Answer:
    """Answer of a step, on one rank in a process forked from this one."""
    arguments = chain.arguments(step, runs)
    if on > 1:
        return ranks.wait(chain.folder, ranks.start(chain.folder, on, step.stage, arguments), SLOW)

    def work():
        sys.argv = ["hurried.py", step.stage, *arguments]
        runpy.run_path(HURRIED, run_name="__main__")

    return trial.forked(work, SLOW)
