"""Observed configurations for networks, which take complete ones only."""

import numpy as np

from ..errors import UserError
from ..physics.configurations import ABSENT
from .observations import observed_rows
from .reading import reading
from .rows import Rows, SomeRows

# Rows that are read together.
CHUNK = 10_000


class CompleteRows(SomeRows):
    """The rows of a source in which no atom is lost.

    Parameters
    ----------
    source : Rows
        Of configurations.
    """

    def __init__(self, source: Rows):
        blocks = (source.read(k, min(k + CHUNK, source.n))[0] for k in range(0, source.n, CHUNK))
        complete = np.concatenate([(block != ABSENT).all(axis=1) for block in blocks])
        super().__init__(source, np.flatnonzero(complete))
        if not self.n:
            source.close()
            raise UserError.everywhere("atoms are lost in all configurations: nothing is left for networks")


def complete_rows(path, incomplete: str, held_out: float = 0.0):
    """Configurations of an observation set for a network.

    Parameters
    ----------
    path : path of the file
    incomplete : {"refuse", "skip"}
        What to do with configurations in which atoms are lost.
    held_out : float
        See `observed_rows`.

    Returns
    -------
    Rows or CompleteRows

    Raises
    ------
    UserError
        If there are such configurations, and they are not to be skipped.
    """
    with reading(path) as file:
        lost = int(file.attrs.get("incomplete", 0))
    rows = observed_rows(path, held_out)
    if not lost:
        return rows
    if incomplete == "refuse":
        rows.close()
        raise UserError.everywhere(
            f"{path}: in {lost} of {rows.n} configurations atoms are lost, of which networks can make "
            "nothing; set observe.incomplete = 'skip' to train on the others, or fit interactions directly "
            "(ednn.fit = 'clusters'), which takes all"
        )
    return CompleteRows(rows)
