"""Metropolis sweeps of a sum of tabulated energies of overlapping tiles.

A chain keeps the number of every tile's state, and a proposal looks up once per tile that holds the site.
For small tables this is what the change costs, from a table of differences for each place in the tile.
Where tiles start at every site, neighbouring ones are first added up to a larger box, as long as its
differences are few: 3x3 tiles of two states become boxes of 5x3 sites, three of them per site, not nine.
For large tables it is the tile's new energy; the present one is kept.
"""

import numpy as np
from numba.core.compiler import Compiler

from ..physics.codes import all_states, codes_of, weights
from ..physics.lattice import Lattice
from . import kernels
from .compiled import njit
from .generator import OPTIONS, below, next_word

# Most entries of all tables of differences: 512 KiB, so that they stay in the second-level cache.
MAX_DIFFERENCES = 2**17
# Chains of a block.
BLOCK = 128


class _NoAlias(Compiler):
    """Numba with arguments that do not overlap; without this promise gathers are not vectorised."""

    def define_pipelines(self):
        self.state.flags.noalias = True
        return super().define_pipelines()


class TileTables:
    """Energies and Metropolis sweeps; an `EnergyModel`.

    Parameters
    ----------
    lattice : Lattice
    n_states : int
    table : array_like of float, shape (n_states ** sites,) or (n_tables, n_states ** sites)
        Tile energies in J; the first site of a tile is the most significant digit. One table that all
        tiles share, or one for each tile, in raster order.
    side : int
        Of a tile.
    step, before : int
        Tiles start `before` sites before every `step`-th site.

    Raises
    ------
    ValueError
        If the tiles do not fit the lattice, or the table has another shape.
    """

    def __init__(self, lattice: Lattice, n_states: int, table, side: int, step: int = 1, before: int = 0):
        self.lattice, self.n_states = lattice, n_states
        d = lattice.dimension
        size, n_tiles = n_states**side**d, lattice.n_sites // step**d
        self.table = np.ascontiguousarray(table, np.float32)
        rows = np.atleast_2d(self.table)
        if any(length % step or length < side for length in lattice.shape):
            raise ValueError(f"tiles of side {side} at every {step}-th site do not fit the {lattice} lattice")
        if self.table.ndim > 2 or rows.shape[1] != size or len(rows) not in (1, n_tiles):
            raise ValueError(
                f"the table has shape {self.table.shape}; tiles of {side**d} sites with {n_states} states"
                f" need ({size},), or ({n_tiles}, {size}) for one table per tile of the {lattice} lattice"
            )
        self._tiles = _boxes(lattice, [side] * d, step, before)
        self._powers = _powers(n_states, side**d)
        box, low = [side] * d, [0] * d
        if len(rows) == 1 and step == 1:
            for axis in range(d):
                longer = box.copy()
                longer[axis] = 2 * side - 1
                looked = side ** sum(low[other] == 0 for other in range(d) if other != axis)
                entries = looked * n_states ** int(np.prod(longer)) * (n_states - 1)
                if side > 1 and entries <= MAX_DIFFERENCES and longer[axis] <= lattice.shape[axis]:
                    box, low[axis] = longer, side - 1
        merged = rows if box == [side] * d else _merge(rows[0], n_states, side, box)[None]
        boxes = self._tiles if merged is rows else _boxes(lattice, box, 1, before)
        self._model = _plan(lattice.n_sites, n_states, merged, boxes, box, low)

    def energies(self, states: np.ndarray) -> np.ndarray:
        """See `EnergyModel.energies`."""
        codes = kernels.tile_codes(states, self._tiles, self._powers)
        if self.table.ndim == 1 or len(self.table) == 1:
            return self.table.ravel()[codes].sum(axis=0, dtype=np.float64)
        return np.take_along_axis(self.table, codes, axis=1).sum(axis=0, dtype=np.float64)

    def sweep(self, states, beta, streams, n_sweeps: int) -> None:
        """See `EnergyModel.sweep`."""
        kernels.in_blocks(_sweeps, states, beta, streams, n_sweeps, *self._model, block=BLOCK)


def _powers(n_states, n_places):
    """Weight of each place in the number of a state, int32."""
    return weights(n_states, n_places).astype(np.int32)


def _boxes(lattice, box, step, before):
    """Sites of boxes that start `before` sites before every `step`-th site, int32 (n_boxes, places)."""
    d = lattice.dimension
    corners = np.indices([n // step for n in lattice.shape]).reshape(d, -1, 1) * step - before
    places = corners + np.indices(box).reshape(d, 1, -1)
    return np.ravel_multi_index(tuple(places), lattice.shape, mode="wrap").astype(np.int32)


def _merge(table, n_states, side, box):
    """Energies of a box: the sum over the tiles in it."""
    n_places = int(np.prod(box))
    place = np.arange(n_places).reshape(box)
    digits = all_states(n_states, n_places)
    total = np.zeros(len(digits))
    for corner in np.ndindex(*[length - side + 1 for length in box]):
        tile = place[tuple(slice(k, k + side) for k in corner)].ravel()
        total += table[codes_of(digits[:, tile], n_states)]
    return total


def _plan(n_sites, n_states, tables, boxes, box, low):
    """Everything that `_sweeps` needs.

    A site is looked up where its place in a box is `low` along merged axes; changes count in all boxes.
    """
    (n_boxes, n_places), size = boxes.shape, tables.shape[1]
    powers = _powers(n_states, n_places)
    members, counts = _members(boxes, np.arange(n_places), n_sites)
    merged = np.array(low) > 0
    coordinates = np.indices(box).reshape(len(box), -1).T
    used = np.flatnonzero((coordinates[:, merged] == np.array(low)[merged]).all(axis=1))
    looked, n_looked = _members(boxes, used, n_sites)
    differences = len(tables) == 1 and len(used) * size * (n_states - 1) <= MAX_DIFFERENCES
    origins = np.arange(n_boxes) * size * (len(tables) > 1)
    if differences:
        starts = np.searchsorted(used, looked[1]) * size * (n_states - 1)
        flat = np.concatenate([_differences(tables[0], n_states, powers[p]) for p in used])
    else:
        starts = origins[looked[0]]
        flat = tables.ravel()
    kind = np.uint16 if size <= 2**16 else np.int32
    return (
        n_states, boxes, powers.astype(kind), origins, flat.astype(np.float32), differences,
        looked[0], powers[looked[1]], starts, n_looked, members[0], powers[members[1]].astype(kind), counts,
    )  # fmt: skip


def _members(boxes, places, n_sites):
    """Boxes that hold each site at one of the places, and which place.

    Returns
    -------
    members : int32 (2, n_sites, most boxes per site)
        Box and place; unused entries are zero.
    counts : int32 (n_sites,)
    """
    sites = boxes[:, places].ravel()
    order = np.argsort(sites, kind="stable")
    counts = np.bincount(sites, minlength=n_sites)
    rank = np.arange(len(sites)) - np.repeat(np.cumsum(counts) - counts, counts)
    members = np.zeros((2, n_sites, counts.max()), np.int32)
    members[0, sites[order], rank] = order // len(places)
    members[1, sites[order], rank] = places[order % len(places)]
    return members, counts.astype(np.int32)


def _differences(table, n_states, power):
    """What a step of 1 ... Q - 1 at one place costs in every state, float64 (Q^places (Q - 1),)."""
    parts = table.astype(np.float64).reshape(-1, n_states, power)
    costs = [np.roll(parts, -k, axis=1) - parts for k in range(1, n_states)]
    return np.stack(costs, axis=-1).ravel()


def _sweeps(
    states, beta, streams, n_sweeps, n_states, boxes, powers, origins, table, differences, looked, *model
):
    """Metropolis sweeps of one block of chains, in place."""
    n_chains = states.shape[1]
    codes = np.zeros((len(boxes), n_chains), powers.dtype)
    present = np.empty((0 if differences else len(boxes), n_chains), np.float32)
    _start(states, boxes, powers, origins, table, codes, present)
    proposed = np.empty((looked.shape[1], n_chains), np.float32)
    shift, step = np.ones(n_chains, np.uint8), np.empty(n_chains, np.int32)
    cost = np.empty(n_chains, np.float32)
    _visit(
        states, beta, streams, n_sweeps, n_states, codes, looked, *model, table,
        differences, present, proposed, shift, step, np.empty(n_chains, powers.dtype), cost,
    )  # fmt: skip


@njit(pipeline_class=_NoAlias, **OPTIONS)
def _start(states, boxes, powers, origins, table, codes, present):
    """Number the states of the boxes, and look up their energies if they are kept."""
    for t in range(boxes.shape[0]):
        for p in range(boxes.shape[1]):
            j, power = boxes[t, p], powers[p]
            for c in range(states.shape[1]):
                codes[t, c] += power * states[j, c]
        if t < present.shape[0]:
            origin = np.uint64(origins[t])
            for c in range(states.shape[1]):
                present[t, c] = table[origin + np.uint64(codes[t, c])]


@njit(pipeline_class=_NoAlias, **OPTIONS)
def _visit(
    states, beta, streams, n_sweeps, n_states, codes, looked, places, starts, n_looked, members, weights,
    counts, table, differences, present, proposed, shift, step, jump, cost,
):  # fmt: skip
    """Sweep.

    Parameters
    ----------
    states, beta, streams, n_sweeps : as in `kernels.two_state_sweeps`
    n_states : int
    codes : uint16 or int32 (n_boxes, n_chains)
        Number of each box's state.
    looked, places : int32 (n_sites, k)
        Boxes where a change of the site is looked up, and the site's weight Q^p in them.
    starts : int64 (n_sites, k)
        Where the tables begin.
    n_looked : int32 (n_sites,)
    members, weights : (n_sites, m)
        Boxes that hold the site, and its weight.
    counts : int32 (n_sites,)
    table : float32
        In J.
    differences : bool
        Whether the tables hold differences.
    present : float32 (n_boxes, n_chains)
        Energies, unless the tables hold differences.
    proposed, shift, step, jump, cost
        Workspace; the shift of two states is always 1.
    """
    n_sites, n_chains = states.shape
    for _ in range(n_sweeps):
        for i in range(n_sites):
            if n_states > 2:
                for c in range(n_chains):
                    shift[c] = np.uint8(np.uint32(1) + below(next_word(streams, c), n_states - 1))
            for c in range(n_chains):
                new = np.int32(states[i, c]) + np.int32(shift[c])
                new -= np.int32(n_states) if new >= n_states else np.int32(0)
                step[c] = new - np.int32(states[i, c])
                cost[c] = 0
            for k in range(n_looked[i]):
                box, place, start = looked[i, k], places[i, k], np.uint64(starts[i, k])
                if differences and n_states == 2:
                    for c in range(n_chains):
                        cost[c] += table[start + np.uint64(codes[box, c])]
                elif differences:
                    for c in range(n_chains):
                        entry = np.int32(codes[box, c]) * np.int32(n_states - 1) + np.int32(shift[c])
                        cost[c] += table[start + np.uint64(np.uint32(entry - 1))]
                else:
                    for c in range(n_chains):
                        code = np.uint32(np.int32(codes[box, c]) + place * step[c])
                        energy = table[start + np.uint64(code)]
                        proposed[k, c] = energy
                        cost[c] += energy - present[box, c]
            for c in range(n_chains):
                step[c] *= np.int32(kernels._accept(beta, cost, streams, c))
                jump[c] = step[c]
                states[i, c] = np.uint8(np.int32(states[i, c]) + step[c])
            for k in range(counts[i]):
                box, weight = members[i, k], weights[i, k]
                for c in range(n_chains):
                    codes[box, c] += weight * jump[c]
            if not differences:
                for k in range(n_looked[i]):
                    box = looked[i, k]
                    for c in range(n_chains):
                        energy, old = proposed[k, c], present[box, c]
                        present[box, c] = energy if step[c] != 0 else old
