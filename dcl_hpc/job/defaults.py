"""What "auto" stands for, where the lattice decides it."""

from ..physics.lattice import Lattice
from ..physics.tiles import MAX_TABLE, Tiling
from ..physics.unwrap import suited
from .learners import Direct, Ednn
from .networks import Rnn


def rnn(section: Rnn, lattice: Lattice) -> Rnn:
    """The section with the order of the sites."""
    return section.model_copy(update={"order": suited(lattice)}) if section.order == "auto" else section


def ednn(section: Ednn, lattice: Lattice, n_states: int) -> Ednn:
    """The section with a form of tiles and a focus.

    The focus is 2 if there are such boxes and their table is not too large.
    """
    context, d = max(section.contexts), lattice.dimension
    focus, tile = section.focus, section.tile
    if tile == "auto":
        large = d > 2 and context > 0 and n_states ** (1 + 2 * context) ** d > MAX_TABLE
        balls = focus in (1, "auto") and (lattice.kind != "hypercubic" or large)
        tile = "ball" if balls else "box"
    if focus == "auto":
        table = n_states ** (2 + 2 * context) ** d <= MAX_TABLE
        boxes = tile == "box" and section.is_network and table
        focus = 2 if boxes and _fits(lattice, context) else 1
    return section.model_copy(update={"tile": tile, "focus": focus})


def _fits(lattice: Lattice, context: int) -> bool:
    """Whether there are boxes with a focus of 2."""
    try:
        Tiling(lattice, 2, context)
    except ValueError:
        return False
    return True


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
