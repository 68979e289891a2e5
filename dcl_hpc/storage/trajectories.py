"""Checkpoints of trajectories, and states that are kept on the way."""

from dataclasses import fields

import numpy as np

from ..thermal.machine import PRECISIONS, Machine, State
from .layout import Field
from .ranges import require_finite
from .store import Store

# What of a state its positions are.
POSITIONS = ("neurons", "weights")
AXES = {"neurons": ("layer", "image", "neuron"), "weights": ("weight",)}


def checkpoint_fields(machine: Machine, n: int, precision: str) -> dict[str, Field]:
    """Data sets that hold two checkpoints of n trajectories."""
    result = {}
    for entry in fields(State):
        positions = "neurons" if entry.name.startswith("neuron") else "weights"
        shape, axes = _shape(machine, positions), AXES[positions]
        result[f"checkpoint/{entry.name}"] = Field(
            (2, n, *shape), PRECISIONS[precision], ("slot", "trajectory", *axes), entry.name.replace("_", " ")
        )
    return result


def write_checkpoint(store: Store, half: int, state: State, own: slice) -> None:
    """Write one half of the checkpoint; collective.

    Parameters
    ----------
    state : State
        Of this rank's trajectories, which are `own` among all.
    """
    for entry in fields(State):
        store.write(f"checkpoint/{entry.name}", np.s_[half, own], getattr(state, entry.name))


def read_checkpoint(store: Store, half: int, own: slice) -> State:
    """This rank's trajectories of one half of the checkpoint."""
    return State(*(_read(store, f"checkpoint/{entry.name}", np.s_[half, own]) for entry in fields(State)))


def kept_fields(machine: Machine, n: int, waiting: int, precision: str) -> dict[str, Field]:
    """Data sets of the positions of n trajectories at so many waiting times."""
    return {
        f"kept/{name}": Field(
            (n, waiting, *_shape(machine, name)), PRECISIONS[precision],
            ("sample", "waiting time", *AXES[name]), f"{name} at the waiting times", grows=1,
        )
        for name in POSITIONS
    }  # fmt: skip


def write_kept(store: Store, waiting: int, state: State, own: slice) -> None:
    """Write the positions at a waiting time, by its index; collective."""
    for name in POSITIONS:
        store.write(f"kept/{name}", np.s_[own, waiting], getattr(state, name))


def read_kept(store: Store, waiting: int, own: slice) -> tuple[np.ndarray, np.ndarray]:
    """Neurons and weights of this rank's trajectories at a waiting time, by its index."""
    neurons, weights = (_read(store, f"kept/{name}", np.s_[own, waiting]) for name in POSITIONS)
    return neurons, weights


def _read(store: Store, name: str, index) -> np.ndarray:
    return require_finite(store.path, name, store.read(name, index))


def _shape(machine: Machine, positions: str) -> tuple[int, ...]:
    if positions == "neurons":
        return (machine.depth - 1, machine.images, machine.width)
    return (machine.n_weights,)
