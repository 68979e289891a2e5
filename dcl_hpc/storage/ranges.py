"""Ranges of what is read, looked at before it is used: a kernel that gets a wrong index ends the process."""

import numpy as np

from ..physics.configurations import ABSENT
from .identity import Damaged


def require_states(path, states: np.ndarray, n_states: int, lost: bool = False) -> np.ndarray:
    """States of a file, which have to be 0 ... Q-1.

    Parameters
    ----------
    lost : bool
        Whether atoms may be lost, `ABSENT`.

    Raises
    ------
    Damaged
        If there are others.
    """
    if states.max(initial=0) >= n_states:
        wrong = states >= n_states
        if lost:
            wrong &= states != ABSENT
        if wrong.any():
            raise Damaged(f"{path} is damaged (a state is {states[wrong][0]}, and there are {n_states})")
    return states


def require_slots(path, slots: np.ndarray) -> np.ndarray:
    """Temperatures of the replicas of ladders, int (n_ladders, n): each one once in every ladder."""
    if (np.sort(slots, axis=1) != np.arange(slots.shape[1])).any():
        raise Damaged(f"{path} is damaged (the replicas of a ladder do not share its temperatures)")
    return slots


def require_finite(path, name: str, numbers: np.ndarray) -> np.ndarray:
    """Numbers of a file that a calculation goes on with; others than floats pass."""
    if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
        raise Damaged(f"{path} is damaged ({name} has numbers that are not finite)")
    return numbers
