"""The observation set: layout of its file, and reading it."""

import numpy as np

from .store import Field, Rows, array_field

STATES = "observations/states/value"


def observed_rows(path) -> Rows:
    """Configurations of an observation set, record after record."""
    return Rows(path, [STATES], leading=2)


def observation_fields(
    records: int, chains: int, shape: tuple[int, ...], steps, unit: str
) -> dict[str, Field]:
    """Data sets of an observation set.

    Parameters
    ----------
    records, chains : int
        Configurations are records x chains.
    shape : tuple of int
        Of the lattice.
    steps : ndarray of int, shape (records,)
        Time of each record.
    unit : str
        What the steps count.
    """
    space = ("y", "x") if len(shape) == 2 else tuple(f"x{k}" for k in range(len(shape)))
    time = np.asarray(steps, float)
    return {
        STATES: Field((records, chains, *shape), np.uint8, ("record", "chain", *space), "states 0..Q-1"),
        "observations/states/step": array_field(np.asarray(steps), ("record",), unit),
        "observations/states/time": array_field(time, ("record",), unit),
        "validation/energy/value": Field(
            (records, chains),
            np.float64,
            ("record", "chain"),
            "true energy, J; for checks, never for learning",
        ),
    }
