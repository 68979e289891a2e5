"""What stands for keys that are left out or "auto", where other sections decide it."""

from ..physics.lattice import Lattice
from ..physics.tiles import MAX_TABLE
from ..physics.unwrap import suited
from .learners import Direct, Ednn
from .networks import Rnn

# Of an unknown system: temperatures to predict, in T_o.
TEMPERATURES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0)


def completed(document):
    """A document with the keys that may be left out because of what others say.

    An unknown system has the temperature 1 and a direct estimate to predict with, which is all that a few
    thousand snapshots allow. A law that is fitted directly needs no RNN. What is not as it should be is left
    for the validation to tell.
    """
    names = ("hamiltonian", "observe", "ednn", "sweep", "direct")
    parts = {name: _section(document, name) for name in names}
    if None in parts.values():
        return document
    unknown = parts["hamiltonian"].get("kind") == "unknown"
    fitted = parts["ednn"].get("fit") in ("table", "clusters")
    sweep = parts["sweep"]
    if unknown:
        t = parts["observe"].setdefault("temperature", 1.0)
        if isinstance(t, (int, float)):
            sweep.setdefault("temperatures", [round(t * x, 12) for x in TEMPERATURES])
        sweep.setdefault("energies", ["ednn" if fitted else "direct"])
    elif fitted:
        sweep.setdefault("energies", ["true", "ednn"])
    energies = sweep.get("energies")
    if isinstance(energies, (list, tuple)) and "direct" in energies:
        parts["direct"].setdefault("methods", [])
    return document | {name: part for name, part in parts.items() if part}


def _section(document, name: str) -> dict | None:
    """A copy of a section, empty if it is left out; None if it is none."""
    part = document.get(name) if isinstance(document, dict) else ()
    if part is None:
        return {}
    return dict(part) if isinstance(part, dict) else None


def rnn(section: Rnn, lattice: Lattice) -> Rnn:
    """The section with the order of the sites."""
    return section.model_copy(update={"order": suited(lattice)}) if section.order == "auto" else section


def ednn(section: Ednn, lattice: Lattice, n_states: int) -> Ednn:
    """The section with a focus: 2 if it divides the lattice and the table of a tile is not too large."""
    if not section.is_network:  # tiles at every site
        return section.model_copy(update={"focus": 1})
    if section.focus != "auto":
        return section
    side = 2 + 2 * max(section.contexts)
    fits = all(length % 2 == 0 and length >= side for length in lattice.shape)
    table = n_states**side**lattice.dimension <= MAX_TABLE
    return section.model_copy(update={"focus": 2 if fits and table else 1})


def direct(section: Direct, lattice: Lattice, n_states: int) -> Direct:
    """The section with the side of tiles, at most 3, and the methods that allow it."""
    largest = most_states()
    side, methods = section.side, section.methods
    if side == "auto":
        used = (section.method, *methods)
        wanted = largest.values() if methods == "auto" else [largest[method] for method in used]
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
