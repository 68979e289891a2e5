"""Numbers in text files, a row a line."""

from io import TextIOWrapper
from pathlib import Path

import numpy as np

from ..errors import UserError, quoted
from ..files import open_regular

# Characters of a line, at least: comments may be long.
LONGEST = 2**20


def read_rows(path: Path, where: str, n: int) -> tuple[list[np.ndarray], list[int]]:
    """Rows of numbers, and the numbers of their lines.

    Blanks and commas part the numbers, # begins a comment, and lines without numbers are none.

    Parameters
    ----------
    path : Path
    where : str
        What begins every message.
    n : int
        Numbers that a line is expected to have; it may have others.

    Raises
    ------
    UserError
        If there is anything but numbers.
    ValueError
        If it is no text.
    OSError
        If it cannot be read.
    """
    longest = max(LONGEST, 64 * n)
    rows, lines, number = [], [], 0
    with TextIOWrapper(open_regular(path), "utf-8-sig", "replace") as file:
        while line := file.readline(longest):
            number += 1
            if len(line) == longest:
                raise UserError(
                    f"{where}, line {number}: more than {longest} characters; write {n} values a line"
                )
            text = line.partition("#")[0]
            if "\0" in text or "\ufffd" in text:
                raise ValueError(f"line {number} is no text")
            words = text.replace(",", " ").split()
            if not words:
                continue
            try:
                rows.append(_numbers(text, words))
            except ValueError as error:
                raise UserError(
                    f"{where}, line {number}: {str(error)[:80]}; write numbers separated by blanks "
                    "or commas, nan where an atom is lost, and begin other lines with #"
                ) from None
            lines.append(number)
    return rows, lines


def _numbers(text: str, words: list[str]) -> np.ndarray:
    # Python takes digits of all scripts, and 0_1 for 1
    if "_" in text or not text.isascii():
        bad = next(word for word in words if "_" in word or not word.isascii())
        raise ValueError(f"could not convert string to float: {quoted(bad)}")
    return np.array([float(word) for word in words])
