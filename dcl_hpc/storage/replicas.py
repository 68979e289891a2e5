"""Checkpoints of chains and of the ladders that they climb."""

import numpy as np

from ..sampling.tempering import Ladders, Replicas
from .layout import Field
from .ranges import require_slots, require_states
from .reading import reading
from .store import Store


def replica_fields(n_sites: int, n_ladders: int, n_temperatures: int) -> dict[str, Field]:
    """Data sets that hold two checkpoints of all replicas.

    Ladders of one temperature, which never exchange, need no state of their own.
    """
    n = n_ladders * n_temperatures
    fields = {
        "checkpoint/states": Field((2, n_sites, n), np.uint8, ("slot", "site", "replica"), "states"),
        "checkpoint/streams": Field((2, 4, n), np.uint32, ("slot", "word", "replica"), "generators"),
    }
    if n_temperatures > 1:
        for name, (shape, dtype) in Ladders.layout(n_ladders, n_temperatures).items():
            axes = ("slot", "ladder", "temperature", "word")[: len(shape) + 1]
            fields[f"checkpoint/ladders/{name}"] = Field((2, *shape), dtype, axes, name)
    return fields


def write_replicas(store: Store, half: int, replicas: Replicas, own: slice, ladders: slice | None) -> None:
    """Write one half of the checkpoint; collective.

    Parameters
    ----------
    own : slice
        This rank's replicas among all.
    ladders : slice, optional
        Which ladders among all `replicas.ladders` are, if this rank is to write them.
    """
    store.write("checkpoint/states", np.s_[half, :, own], replicas.chains.states)
    store.write("checkpoint/streams", np.s_[half, :, own], replicas.chains.streams)
    if ladders is not None and len(replicas.ladders.betas) > 1:
        for name, value in replicas.ladders.state().items():
            store.write_alone(f"checkpoint/ladders/{name}", np.s_[half, ladders], value)


def read_replicas(store: Store, half: int, replicas: Replicas, own: slice, ladders: slice) -> None:
    """Set replicas to a state that `write_replicas` wrote; parameters as there."""
    states = store.read("checkpoint/states", np.s_[half, :, own])
    replicas.chains.states[...] = require_states(store.path, states, replicas.model.n_states)
    replicas.chains.streams[...] = store.read("checkpoint/streams", np.s_[half, :, own])
    if len(replicas.ladders.betas) > 1:
        names = Ladders.layout(1, 2)
        state = {name: store.read(f"checkpoint/ladders/{name}", np.s_[half, ladders]) for name in names}
        require_slots(store.path, state["slot"])
        replicas.ladders.restore(state)
    replicas.follow()


def last_configurations(path, n_states: int) -> np.ndarray:
    """Configurations that a complete sweep ended with, uint8 (n_temperatures, n_ladders, n_sites).

    Those at the temperatures that the job lists, ascending; ladders are independent of each other.
    """
    with reading(path) as file:
        half, listed = int(file["progress/committed"][1]), file["listed"][()]
        states = require_states(path, file["checkpoint/states"][half].T, n_states)
        replicas = states.reshape(-1, len(listed), states.shape[1])
        if len(listed) > 1:
            replica = np.argsort(file["checkpoint/ladders/slot"][half], axis=1)
            replicas = np.take_along_axis(replicas, replica[..., None], axis=1)
    return replicas.transpose(1, 0, 2)[listed]
