"""What stands for keys that are left out or "auto", where other sections decide it."""

import numpy as np

from ..physics.lattice import Lattice
from ..physics.tiles import MAX_FREE, MAX_TABLE, Tiling
from .learners import Direct, Ednn
from .networks import Rnn

# Of an unknown system: temperatures to predict, in T_o.
TEMPERATURES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0)
# Most states of a tile that each direct estimate takes.
MOST_STATES = {"pairwise": MAX_TABLE, "clusters": MAX_TABLE, "table": MAX_FREE}


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


def schema_of_files(whole: dict) -> dict:
    """The JSON schema of job files, in which what an unknown system may leave out is required of others."""
    others: dict = {"required": ["observe", "sweep"], "properties": {}}
    for name, key in (("observe", "temperature"), ("sweep", "temperatures")):
        whole["required"].remove(name)
        del whole["$defs"][name.title()]["required"]
        others["properties"][name] = {"required": [key]}
    unknown = {"properties": {"hamiltonian": {"properties": {"kind": {"const": "unknown"}}}}}
    return whole | {"if": unknown, "else": others}


def _section(document, name: str) -> dict | None:
    """A copy of a section, empty if it is left out; None if it is none."""
    part = document.get(name) if isinstance(document, dict) else ()
    if part is None:
        return {}
    return dict(part) if isinstance(part, dict) else None


def rnn(section: Rnn, lattice: Lattice, glass: bool) -> Rnn:
    """The section with the order of the sites.

    Spiral in the plane where one law holds for all sites; a glass is learned a little better by the snake
    (benchmarks/variants.py).
    """
    if section.order != "auto":
        return section
    return section.model_copy(update={"order": "snake" if glass or lattice.dimension != 2 else "spiral"})


def ednn(section: Ednn, lattice: Lattice, n_states: int) -> Ednn:
    """The section with a form of tiles and a focus.

    The focus is 2 if there are such boxes and their table is not too large; for what is no network 1.
    """
    context, d = max(section.contexts), lattice.dimension
    focus, tile = section.focus if section.is_network else 1, section.tile
    if tile == "auto":
        large = d > 2 and context > 0 and n_states ** (1 + 2 * context) ** d > MAX_TABLE
        balls = focus in (1, "auto") and (lattice.kind != "hypercubic" or large)
        tile = "ball" if balls else "box"
    if focus == "auto":
        table = n_states ** (2 + 2 * context) ** d <= MAX_TABLE
        boxes = tile == "box" and table
        focus = 2 if boxes and _fits(lattice, context) else 1
    return section.model_copy(update={"tile": tile, "focus": focus})


def _fits(lattice: Lattice, context: int) -> bool:
    """Whether there are boxes with a focus of 2."""
    try:
        Tiling(lattice, 2, context)
    except ValueError:
        return False
    return True


def direct(section: Direct, lattice: Lattice, n_states: int, glass: bool = False) -> Direct:
    """The section with the form of tiles, the side of boxes, at most 3, and the methods that allow them.

    Boxes in the plane of a square lattice, and where balls would meet themselves; else balls. A glass has
    the couplings of its bonds alone, and no tiles.
    """
    if section.method == "auto":
        section = section.model_copy(update={"method": "bonds" if glass else "clusters"})
    if glass or section.method == "bonds":
        methods = () if section.methods == "auto" else section.methods
        return section.model_copy(update={"methods": methods})
    largest, tile = MOST_STATES, section.tile
    side, methods = section.side, section.methods
    if tile == "auto":
        plane = lattice.kind == "hypercubic" and lattice.dimension < 3
        tile = "box" if plane or side != "auto" else "ball"
        around = section.model_copy(update={"tile": "ball"}).offsets(lattice)
        differences = (around[:, None] - around).reshape(-1, lattice.dimension)
        if lattice.kind == "hypercubic" and not lattice.separates(differences):
            tile = "box"
    if side == "auto":
        used = (section.method, *methods)
        wanted = largest.values() if methods == "auto" else [largest[method] for method in used]
        size = n_states**3**lattice.dimension
        side = 3 if min(lattice.shape) >= 5 and size <= (max if methods == "auto" else min)(wanted) else 2
    section = section.model_copy(update={"tile": tile, "side": side})
    if methods == "auto":
        sizes = tile_states(lattice, section.offsets(lattice), n_states)
        methods = tuple(method for method in largest if sizes[method] <= largest[method]) or tuple(largest)
    return section.model_copy(update={"methods": methods})


def tile_states(lattice: Lattice, offsets: np.ndarray, n_states: int) -> dict[str, int]:
    """States of a tile that each direct estimate counts; a site that may be absent has one more."""
    size = (n_states + (not lattice.regular)) ** len(offsets)
    occurring = size
    if not lattice.regular and lattice.separates(offsets):
        present = np.unique(lattice.windows(offsets) >= 0, axis=0).sum(axis=1)
        occurring = sum(n_states ** int(n) for n in present)
    return {"pairwise": size, "clusters": size, "table": occurring}
