"""Log lines and progress of rank 0; the other ranks are silent.

Lines are records of the logger "dcl_hpc". It prints them, unless it was given a handler before the first one:
who uses this program from Python sends them elsewhere by `logging.getLogger("dcl_hpc").addHandler(...)`, and
by `setLevel(logging.INFO)` for more than warnings.
"""

import logging
import sys
import time

from tqdm import tqdm

LINE = "{desc}: {percentage:3.0f}% {n_fmt}/{total_fmt} {rate_fmt}, {remaining} left {postfix}"
LOGGER = logging.getLogger("dcl_hpc")


class Terminal(logging.Handler):
    """Writes records to the standard output, each in one piece, above progress bars."""

    def emit(self, record) -> None:
        """Write one record."""
        with tqdm.external_write_mode(file=sys.stdout):
            sys.stdout.write(self.format(record) + "\n")
            sys.stdout.flush()


def tell(text: str) -> None:
    """Log lines in one record; a warning if they have the word."""
    if not LOGGER.handlers:
        LOGGER.addHandler(Terminal())
        LOGGER.setLevel(logging.INFO)
        LOGGER.propagate = False  # libraries give the root logger handlers of their own
    LOGGER.log(logging.WARNING if "warning:" in text else logging.INFO, "%s", text)


class Log:
    """Prints on rank 0 only.

    Parameters
    ----------
    rank : int
    about : str
        What begins each line.
    bars : bool
        Whether progress is shown, too.
    """

    def __init__(self, rank: int, about: str = "", bars: bool = True):
        self.loud, self.about = rank == 0, about
        self.bars = self.loud and bars

    def __call__(self, text: str) -> None:
        """Print one line."""
        if self.loud:
            tell("\n".join(self.about + line for line in text.split("\n")))

    def part(self, rank: int, about: str, bars: bool) -> "Log":
        """A log of the same kind for a part of the work; see the parameters of the class."""
        return Log(rank, about, bars)

    def progress(self, title: str, total: int, done: int = 0, unit: str = "it"):
        """A progress bar on a terminal, a line every ten seconds elsewhere."""
        return Progress(self.about + title, total, done, unit, self.bars)


class LoggingLog(Log):
    """Hands lines to Python's logging, as "dcl_hpc", and shows no progress: for use within a program."""

    def __init__(self, about: str = ""):
        super().__init__(0, about, bars=False)

    def part(self, rank: int, about: str, bars: bool) -> "LoggingLog":
        """See `Log.part`."""
        return LoggingLog(about)

    def __call__(self, text: str) -> None:
        """Log each line, warnings as such."""
        for line in text.split("\n"):
            level = logging.WARNING if "warning:" in line else logging.INFO
            logging.getLogger("dcl_hpc").log(level, "%s%s", self.about, line)


class Progress:
    """Progress of one long loop; `step(n)` tells that n more units are done."""

    def __init__(self, title: str, total: int, done: int, unit: str, loud: bool):
        self.title, self.total, self.done, self.unit = title, total, done, unit
        self.initial = done
        self.started = self.printed = time.monotonic()
        self.loud = loud
        self.bar = None
        if loud and sys.stderr.isatty():
            self.bar = tqdm(total=total, initial=done, desc=title, unit=unit, unit_scale=True, leave=False)

    def step(self, n: int = 1, note: str = "") -> None:
        """Advance by n units."""
        self.done += n
        if self.bar is not None:
            if note:
                self.bar.set_postfix_str(note, refresh=False)
            self.bar.update(n)
        elif self.loud and time.monotonic() - self.printed > 10:
            self.printed = time.monotonic()
            self._line(note)

    def _line(self, note: str) -> None:
        meter = tqdm.format_meter(
            self.done,
            self.total,
            self.printed - self.started,
            initial=self.initial,
            prefix=self.title,
            unit=self.unit,
            unit_scale=True,
            postfix=note,
            bar_format=LINE,
        )
        tell(meter)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.bar is not None:
            self.bar.close()
