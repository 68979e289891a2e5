"""What "auto" stands for, where the lattice decides it."""

from ..physics.lattice import Lattice
from ..physics.tiles import MAX_TABLE
from ..physics.unwrap import suited
from .learners import Direct, Ednn
from .networks import Rnn


def rnn(section: Rnn, lattice: Lattice) -> Rnn:
    """The section with the order of the sites."""
    return section.model_copy(update={"order": suited(lattice)}) if section.order == "auto" else section


def ednn(section: Ednn, lattice: Lattice, n_states: int) -> Ednn:
    """The section with a focus: 2 if it divides the lattice and the table of a tile is not too large."""
    if section.focus != "auto":
        return section
    side = 2 + 2 * max(section.contexts)
    fits = all(length % 2 == 0 and length >= side for length in lattice.shape)
    table = n_states**side**lattice.dimension <= MAX_TABLE
    return section.model_copy(update={"focus": 2 if section.is_network and fits and table else 1})


def direct(section: Direct, lattice: Lattice, n_states: int) -> Direct:
    """The section with the side of tiles, at most 3, and the methods that allow it."""
    largest = most_states()
    side, methods = section.side, section.methods
    if side == "auto":
        wanted = largest.values() if methods == "auto" else [largest[method] for method in methods]
        size = n_states**3**lattice.dimension
        side = 3 if min(lattice.shape) >= 5 and size <= (max if methods == "auto" else min)(wanted) else 2
    if methods == "auto":
        size = n_states**side**lattice.dimension
        methods = tuple(method for method in largest if size <= largest[method]) or tuple(largest)
    return section.model_copy(update={"side": side, "methods": methods})


def most_states() -> dict[str, int]:
    """Most states of a tile that each direct estimate takes."""
    from ..inference.free_table import MAX_FREE  # compiles kernels

    return {"pairwise": MAX_TABLE, "clusters": MAX_TABLE, "table": MAX_FREE}
