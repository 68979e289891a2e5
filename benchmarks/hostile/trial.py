"""One command under hostile conditions, and what counts as a fault in its answer."""

import contextlib
import io
import multiprocessing
import os
import re
import resource
import runpy
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

# A command has this long, this much memory in use, and an error message this many characters.
SECONDS, MEMORY, LONGEST = 20.0, 2**30, 500
# Exit codes of commands that end in order: done, wrong input, stopped after saving, stopped twice.
IN_ORDER = (0, 2, 85, 130)
ERROR = "dcl_hpc: error: "
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
FAULTS = ("tracebacks", "crashes", "hangs", "accepted", "lost", "untidy")


@dataclass
class Answer:
    """How a command ended.

    Attributes
    ----------
    code : int
        Exit code; negative for a signal.
    out : str
        All that it wrote.
    seconds : float
    memory : int
        Largest resident memory, in bytes.
    hung : bool
        Whether it had to be ended.
    """

    code: int
    out: str
    seconds: float
    memory: int
    hung: bool = False

    @property
    def errors(self) -> list[str]:
        """Its lines of errors."""
        return [line for line in self.out.splitlines() if line.startswith(ERROR)]

    @property
    def fault(self) -> str | None:
        """What is wrong with it, whatever the case was; None if nothing is."""
        if self.hung:
            return "hangs"
        if "Traceback (most recent call last)" in self.out or "Exception ignored" in self.out:
            return "tracebacks"
        if self.code not in IN_ORDER or self.memory > MEMORY:
            return "crashes"
        if self.code == 2 and not self.errors:
            return "untidy"
        if len(self.errors) > 1 or any(len(one) > LONGEST or CONTROL.search(one) for one in self.errors):
            return "untidy"
        return None


@dataclass
class Tally:
    """Counts of the cases of one kind, and what went wrong.

    Attributes
    ----------
    counts : Counter
        `cases`, and the FAULTS.
    wrong : list of str
        One line for each fault.
    """

    counts: Counter = field(default_factory=lambda: Counter(dict.fromkeys(("cases", *FAULTS), 0)))
    wrong: list[str] = field(default_factory=list)

    def add(self, case: str, answer: Answer | None = None, fault: str | None = None) -> str | None:
        """Count a case; returns its fault, that of the answer if none is given."""
        fault = fault or (answer.fault if answer else None)
        self.counts["cases"] += 1
        if fault:
            self.counts[fault] += 1
            said = f", code {answer.code}: {answer.out[-2000:]!r}" if answer else ""
            self.wrong.append(f"{fault}: {case}{said}"[:3000])
            print(self.wrong[-1], file=sys.stderr, flush=True)
        return fault


def command(module: str, *arguments, **changes: str) -> Answer:
    """Answer of `python -m dcl_hpc.MODULE ARGUMENTS`, in a process forked from this one.

    The caller must not have imported TensorFlow or MPI.

    Parameters
    ----------
    changes : str
        Variables of the environment.
    """

    def work():
        os.environ.update(changes)
        sys.argv = [f"dcl_hpc.{module}", *map(str, arguments)]
        runpy.run_module(f"dcl_hpc.{module}", run_name="__main__", alter_sys=True)

    return forked(work)


def forked(work: Callable, seconds: float = SECONDS) -> Answer:
    """Answer of a function that is called in a process of its own, forked from this one."""
    with tempfile.TemporaryFile() as out:
        begun = time.monotonic()
        process = multiprocessing.get_context("fork").Process(target=_called, args=(work, out))
        process.start()
        process.join(seconds)
        hung = process.is_alive()
        if hung:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.join()
        taken = time.monotonic() - begun
        out.seek(0)
        text = out.read().decode("utf-8", "backslashreplace")
    said, _, memory = text.rpartition("\nmemory ")
    if not memory.isdecimal():  # it was ended
        said, memory = text, "0"
    return Answer(process.exitcode, said, taken, int(memory), hung)


def _called(work: Callable, out: io.BufferedRandom) -> None:
    """Call it with all that it writes in a file; the last line tells of its memory."""
    os.setpgid(0, 0)
    for stream in (1, 2):
        os.dup2(out.fileno(), stream)
    sys.stdin = open(os.devnull)  # noqa: SIM115
    sys.stdout, sys.stderr = (open(n, "w", buffering=1, closefd=False) for n in (1, 2))  # noqa: SIM115
    code = 1
    try:
        code = work() or 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        sys.stdout.flush()
        os.write(2, f"\nmemory {memory}".encode())
        os._exit(code & 0xFF)


def save(path: Path, data: bytes) -> Path:
    """Write bytes to a file; returns its path."""
    path.write_bytes(data)
    return path
