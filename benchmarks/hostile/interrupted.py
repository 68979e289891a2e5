"""Commands that a signal hits at a random moment, on one or two ranks, and that go on when started again."""

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from dcl_hpc.cluster.launch import SETTINGS
from hostile import trial
from hostile.chain import HURRIED, STEPS, Chain, Step

# Longest time of a command, in s: on busy machines with several ranks imports alone take many.
SECONDS = 300.0
# Of that many cases one is of a stage that imports TensorFlow.
RARE = 5


class Interrupted:
    """Cases of one kind in a folder.

    Parameters
    ----------
    folder : Path
    signals : sequence of signal.Signals
    """

    def __init__(self, folder: Path, signals, chance: random.Random, tally: trial.Tally):
        self.folder, self.signals, self.chance, self.tally = folder, signals, chance, tally
        self.chain = Chain(folder, lambda step, runs: self.wait(self.start(step, runs, 1)))
        self.lengths: dict[tuple[Step, int], float] = {}

    def start(self, step: Step, runs: Path, ranks: int) -> subprocess.Popen:
        """A command in a process group of its own."""
        scratch = self.folder / "mpi"  # Open MPI cannot tidy up after SIGKILL
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        launcher = f"mpiexec -n {ranks}".split() if ranks > 1 else []
        command = [*launcher, sys.executable, HURRIED, step.stage]
        places = {"TMPDIR": str(scratch), "OMPI_MCA_btl_vader_backing_directory": str(scratch)}
        with (self.folder / "output").open("wb") as out:
            return subprocess.Popen(
                [*command, *self.chain.arguments(step, runs)], env=os.environ | SETTINGS | places,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def wait(self, process: subprocess.Popen) -> trial.Answer:
        """Its answer; the process is ended if it takes too long."""
        begun, hung = time.monotonic(), False
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            hung = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said = (self.folder / "output").read_text(errors="backslashreplace")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # of ranks it is not known
        return trial.Answer(process.returncode, said, time.monotonic() - begun, memory, hung)

    def length(self, step: Step, ranks: int) -> float:
        """Seconds that a command takes undisturbed."""
        if (step, ranks) not in self.lengths:
            runs = self.folder / "whole"
            self.chain.begin(step, runs)
            self.lengths[step, ranks] = self.wait(self.start(step, runs, ranks)).seconds
        return self.lengths[step, ranks]

    def case(self, number: int) -> None:
        """Hit a command a few times, then let it end."""
        rare, chance, runs = number % RARE == RARE - 1, self.chance, self.folder / "runs" / "case"
        step = chance.choice([one for one in STEPS if one.quick != rare])
        ranks, how = chance.choice((1, 1, 2)), chance.choice(self.signals)
        seconds = self.length(step, ranks)
        self.chain.begin(step, runs)
        after = chance.uniform(0.1, seconds)
        said = f"{step.name} on {ranks} ranks, {how.name} after {after:.2f} of {seconds:.2f} s"
        process = self.start(step, runs, ranks)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(after)
        self.hit(process, how, ranks)
        answer = self.wait(process)
        if self.tally.add(said, fault=self.fault(answer, how)):
            print(answer.out[-2000:], file=sys.stderr)
            return
        if wrong := self.chain.wrong(step, runs, finished=answer.code == 0):
            self.tally.add(f"{said}: {wrong}", answer, fault="lost")
            return
        again = self.wait(self.start(step, runs, ranks))
        if again.code or (wrong := self.chain.wrong(step, runs, finished=True)):
            self.tally.add(f"{said}: then {wrong}", again, fault="lost")

    def hit(self, process: subprocess.Popen, how: signal.Signals, ranks: int) -> None:
        """Send the signal; of ranks to those themselves, one or all, unless mpiexec forwards it."""
        victims = [process.pid]
        if ranks > 1 and how is not signal.SIGUSR1:
            victims = children(process.pid) or victims
            if how is signal.SIGKILL:
                victims = self.chance.choice(([self.chance.choice(victims)], [process.pid, *victims]))
        for victim in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, how)

    def fault(self, answer: trial.Answer, how: signal.Signals) -> str | None:
        """What is wrong with the answer to a signal."""
        if how is signal.SIGKILL:
            return "hangs" if answer.hung else None
        return answer.fault


def children(parent: int) -> list[int]:
    """Processes that a process has started."""
    with contextlib.suppress(OSError):
        texts = [path.read_text() for path in Path(f"/proc/{parent}/task").glob("*/children")]
        return [int(child) for child in " ".join(texts).split()]
    return []


def run(chance: random.Random, n: int, folder: Path, tally: trial.Tally, signals) -> None:
    """Make n cases."""
    cases = Interrupted(folder, signals, chance, tally)
    for number in range(n):
        cases.case(number)
