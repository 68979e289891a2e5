"""Commands that signals hit at random moments, on one or two ranks, and that go on when started again."""

import contextlib
import os
import random
import signal
import subprocess
from pathlib import Path

from hostile import ranks, trial
from hostile.chain import STEPS, Chain, Step, committed

# Longest time of a command, in s: on busy machines with several ranks imports alone take many.
SECONDS = 300.0
# Of that many cases one is of a stage that imports TensorFlow; a case has at most so many signals.
RARE, MOST = 5, 3


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

    def start(self, step: Step, runs: Path, on: int) -> subprocess.Popen:
        """A command on so many ranks."""
        return ranks.start(self.folder, on, step.stage, self.chain.arguments(step, runs))

    def wait(self, process: subprocess.Popen) -> trial.Answer:
        """Its answer."""
        return ranks.wait(self.folder, process, SECONDS)

    def length(self, step: Step, on: int) -> float:
        """Seconds that a command takes undisturbed."""
        if (step, on) not in self.lengths:
            runs = self.folder / "whole"
            self.chain.begin(step, runs)
            self.lengths[step, on] = self.wait(self.start(step, runs, on)).seconds
        return self.lengths[step, on]

    def case(self, number: int) -> None:
        """Hit a command, which goes on, a few times; then let it end."""
        rare, chance, runs = number % RARE == RARE - 1, self.chance, self.folder / "runs" / "case"
        step = chance.choice([one for one in STEPS if one.quick != rare])
        on, how = chance.choice((1, 1, 2)), chance.choice(self.signals)
        seconds = self.length(step, on)
        self.chain.begin(step, runs)
        said, done = f"{step.name} on {on} ranks, {how.name}", committed(runs)
        for _ in range(chance.randint(1, MOST)):
            after = chance.uniform(0.1, seconds)
            said += f" after {after:.2f}"
            process = self.start(step, runs, on)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(after)
            self.hit(process, how, on)
            answer = self.wait(process)
            before, done = done, committed(runs)
            self.tally.counts.update(hits=1, in_the_middle=before != done and answer.code != 0)
            if fault := self.fault(answer, how):
                self.tally.add(said, answer, fault)
                return
            wrong = self.chain.wrong(step, runs, finished=answer.code == 0)
            if wrong or any(done.get(path, 0) < count for path, count in before.items()):
                self.tally.add(f"{said}: {wrong or 'less is committed'}", answer, "lost")
                return
            if answer.code == 0:
                break
        again = self.wait(self.start(step, runs, on))
        wrong = self.chain.wrong(step, runs, finished=True) or again.code
        self.tally.add(f"{said}: then {wrong}", again, "lost" if wrong else None)

    def hit(self, process: subprocess.Popen, how: signal.Signals, on: int) -> None:
        """Send the signal; of ranks to those themselves, one or all, unless mpiexec forwards it."""
        victims = [process.pid]
        if on > 1 and how is not signal.SIGUSR1:
            victims = ranks.children(process.pid) or victims
            if how is signal.SIGKILL:
                victims = self.chance.choice(([self.chance.choice(victims)], [process.pid, *victims]))
        for victim in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, how)

    def fault(self, answer: trial.Answer, how: signal.Signals) -> str | None:
        """What is wrong with the answer to a signal."""
        if how is signal.SIGKILL:
            return "hangs" if answer.hung else None
        unheard = answer.code == -how and not answer.out  # the interpreter had not begun
        return None if unheard else answer.fault


def run(chance: random.Random, n: int, folder: Path, tally: trial.Tally, signals) -> None:
    """Make n cases."""
    cases = Interrupted(folder, signals, chance, tally)
    for number in range(n):
        cases.case(number)
