"""What snapshots tell before anything is learned: wrong edges, a wrong lattice, too little to learn from."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.stats import chi2

from ..physics.lattice import Lattice
from ..physics.structure import Structure, half_space, spins_of
from ..sampling.comparison import Mean, compare, mean_of_series

# Snapshots, from the first one on, that are looked at; fewer tell nothing.
MEASURED, FEWEST = 20_000, 50
# Standard errors, and probability after all tests of a kind, beyond which a difference is told.
SIGNIFICANT, IMPROBABLE = 5.0, 1e-6
# Standard errors below which all correlations count as none, and the correlation of frozen neighbours.
NOTHING, FROZEN = 4.0, 0.98
# Autocorrelation times that a series is long at least, if its averages are known.
LEAST_TIMES = 20
# Share of the squared correlations of others, below which those across the edges may be none.
WEAK = 0.1
# Bonds that are looked at one by one, and their share with correlations of either sign that tells disorder.
MOST_BONDS, BOTH = 400, 0.1
# Probability of correlations that are none, below which there are some.
DISORDERED = 1e-3
# Sides below which places along an axis are not compared, and floats that are held at a time.
SHORTEST, CHUNK = 4, 2**22


@dataclass(frozen=True)
class Finding:
    """Something that the snapshots tell.

    Attributes
    ----------
    kind : {"state", "still", "sum", "seam", "signs", "translation", "drift", "hot", "cold"}
    text : str
        A sentence with what to do.
    """

    kind: str
    text: str


def diagnose(
    states: np.ndarray, lattice: Lattice, n_states: int, leading: tuple[int, ...], uniform: bool = True
) -> list[Finding]:
    """What is wrong with snapshots, as far as they tell it.

    Parameters
    ----------
    states : ndarray of uint8, shape (n, n_sites)
        Q or more where a site was lost.
    lattice : Lattice
        As the job has it.
    n_states : int
    leading : tuple of int
        Axes of which n is made; see `comparison.mean_of_series`.
    uniform : bool
        Whether the law is the same everywhere; it is not in a glass.
    """
    counts = np.bincount(states.ravel(), minlength=256)
    found = [
        Finding("state", f"state {q} of {n_states} never occurs in {len(states)} snapshots; is the number of "
                "states right?")
        for q in np.flatnonzero(counts[:n_states] == 0)[:3]
    ]  # fmt: skip
    if len(states) < FEWEST or found:
        return found
    found += _still(states, lattice, n_states) + _sums(states, n_states)
    if not uniform:
        return found + _disorder(states, lattice)
    if signs := _signs(states, lattice, n_states, leading):
        return found + signs
    found += _order(states, lattice, n_states, leading)
    seams = _seams(states, lattice, n_states, leading)
    found += seams
    if not seams and not (lattice.open or lattice.absent or counts[n_states:].any()):
        found += _translations(states, lattice, n_states, leading)
    return found


def _order(states, lattice, n_states, leading) -> list[Finding]:
    """Whether there is anything to learn from: neither all disorder nor all frozen."""
    structure = Structure(lattice, n_states)
    values = structure.of(states.T)
    if np.isnan(values).any():
        return []
    mean = mean_of_series(values, leading)
    shells = [k for k, name in enumerate(structure.names) if name.startswith("correlation at")]
    nearest = mean.value[shells[0]]
    if nearest > FROZEN:
        return [Finding("cold", f"nearly all is ordered (correlation of neighbours {nearest:.3f}): "
                        "they hardly tell the law; observe at a higher temperature")]  # fmt: skip
    z = np.abs(mean.value[shells]) / np.maximum(mean.error[shells], 1e-300)
    if z.max() >= NOTHING:
        return []
    shown = f"{nearest:.4f} +- {mean.error[shells[0]]:.4f}"
    if mean.tau * LEAST_TIMES > len(states):
        return [Finding(
            "drift", f"snapshots are alike for {2 * mean.tau:.0f} of {len(states)} in their order, so that "
            f"averages are hardly known (correlation of neighbours: {shown}): they are not in equilibrium, "
            "not all of one temperature, or of too short a run")]  # fmt: skip
    return [Finding("hot", f"no correlation exceeds its error (of neighbours: {shown}), so there is no "
                    "interaction to be learned; observe more, or at a lower temperature")]  # fmt: skip


def _still(states, lattice: Lattice, n_states: int) -> list[Finding]:
    """Sites that never change where others do."""
    there = states < n_states
    low = np.where(there, states, n_states).min(axis=0)
    still = np.flatnonzero((low == np.where(there, states, 0).max(axis=0)) & there.any(axis=0))
    if not 0 < len(still) < lattice.n_sites / 2:
        return []
    place, state = tuple(lattice.coordinates[still[0]].tolist()), low[still[0]]
    more = f", and {len(still) - 1} more sites never change" * (len(still) > 1)
    return [Finding("still", f"the site at {place} always has the state {state}{more}: what is not there "
                    "goes into lattice.absent")]  # fmt: skip


def _sums(states, n_states: int) -> list[Finding]:
    """Numbers of sites in a state that are the same in all snapshots."""
    if (states >= n_states).any():  # lost sites may have been in any state
        return []
    for state in range(1, n_states):
        counts = (states == state).sum(axis=1)
        if np.ptp(counts) == 0 and 0 < counts[0] < states.shape[1]:
            return [Finding(
                "sum", f"every snapshot has {counts[0]} sites in state {state}: if that number is conserved, "
                "they tell of no field, and predictions are for one that changes")]  # fmt: skip
    return []


def _correlations(states, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean products of the spins of pairs of sites, and of how many snapshots, float64 (2, n_pairs)."""
    spins = np.where(states < 2, 2.0 * states - 1, 0.0)
    correlation, n = np.zeros((2, len(pairs)))
    for k, (i, j) in enumerate(pairs):
        products = spins[:, i] * spins[:, j]
        n[k] = max(np.count_nonzero(products), 1)
        correlation[k] = products.sum() / n[k]
    return correlation, n


def _signs(states, lattice: Lattice, n_states: int, leading) -> list[Finding]:
    """Whether parallel bonds have correlations of both signs, as no law that is the same everywhere makes."""
    if n_states != 2:
        return []
    step = np.nonzero(lattice.forward >= 0)[1]  # as the bonds are ordered
    some = np.arange(0, len(step), -(-len(step) // MOST_BONDS))
    values = _averages(states, n_states, [lattice.bonds[k : k + 1] for k in some])
    if np.isnan(values).any():
        values = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
    mean = mean_of_series(values, leading, slice(2))
    z = mean.value / np.maximum(mean.error, 1e-300)
    for k in np.unique(step):
        own = z[step[some] == k]
        if min(np.mean(own > SIGNIFICANT), np.mean(own < -SIGNIFICANT)) > BOTH:
            low, high = np.quantile(mean.value[step[some] == k], [0, 1])
            return [Finding(
                "signs", f"bonds of one direction have correlations from {low:.2f} to {high:.2f}, as no law "
                "makes them that is the same everywhere: set hamiltonian.disorder = true (of the kind "
                "\"unknown\"), or mend the order of the sites")]  # fmt: skip
    return []


def _disorder(states, lattice: Lattice) -> list[Finding]:
    """The same of single bonds, whose correlations may have any sign: by their squares."""
    correlation, n = _correlations(states, lattice.bonds)
    if len(n) and (typical := np.sqrt((correlation**2).mean())) > FROZEN:
        return [Finding("cold", f"nearly all is ordered (correlation of neighbours {typical:.3f}, RMS): "
                        "they hardly tell the law; observe at a higher temperature")]  # fmt: skip
    if chi2.sf((n * correlation**2).sum(), len(n)) < DISORDERED:
        return _open(states, lattice)
    return [Finding("hot", "neighbours are no more correlated than chance has it, so there is no interaction "
                    "to be learned; observe more, or at a lower temperature")]  # fmt: skip


def _open(states, lattice: Lattice) -> list[Finding]:
    """Periodic axes across whose edges neighbours know nothing of each other."""
    found = []
    for axis, groups in Structure(lattice, 2).seams:
        (seam, n), (bulk, _) = (_correlations(states, pairs) for pairs in groups)
        weak = (seam**2).mean() < WEAK * (bulk**2).mean()
        if weak and chi2.sf((n * seam**2).sum(), len(n)) > DISORDERED:
            found.append(Finding(
                "seam", f"no two neighbours across the edges of axis {axis} are correlated, as others are: "
                'if the edges are open, set lattice.boundary = "open"'))  # fmt: skip
    return found


def _seams(states, lattice, n_states, leading) -> list[Finding]:
    """Whether neighbours across a periodic axis' seam are less correlated than others."""
    found = []
    for axis, pairs in Structure(lattice, n_states).seams:
        values = _averages(states, n_states, pairs)
        if np.isnan(values).any():
            continue
        mean = mean_of_series(np.column_stack([values, values[:, 0] - values[:, 1]]), leading)
        seam, bulk, difference = mean.value
        z = difference / max(mean.error[2], 1e-300)
        if abs(z) > SIGNIFICANT and abs(seam) < abs(bulk):
            found.append(Finding(
                "seam", f"neighbours across the edges of axis {axis} have the correlation {seam:.4f}, others "
                f"{bulk:.4f} ({abs(z):.0f} standard errors): if lattice.shape is right and its axes are in "
                "order, the edges are open, not periodic; set lattice.boundary = \"open\""
                f"{_or_disorder(n_states)}"))  # fmt: skip
    return found


def _or_disorder(n_states: int) -> str:
    """What else it may be that places differ, and what to do."""
    job = ' (hamiltonian.kind = "unknown" with disorder = true)' if n_states == 2 else ""
    return f", or the law differs from place to place{job}"


def _averages(states, n_states: int, groups: list[np.ndarray]) -> np.ndarray:
    """Average product of the spins of each group of sites or pairs, float64 (n, n_groups)."""
    result = np.empty((len(states), len(groups)))
    step = max(1, CHUNK // (states.shape[1] * n_states))
    for start in range(0, len(states), step):
        part = np.ascontiguousarray(states[start : start + step].T)
        spins, there = spins_of(part, n_states), part < n_states
        for k, sites in enumerate(groups):
            if sites.shape[1] == 1:
                total = (part[sites[:, 0]] * there[sites[:, 0]]).sum(axis=0)
            else:
                total = sum(s[sites[:, 0]] * s[sites[:, 1]] for s in spins).sum(axis=0)
            count = there[sites].all(axis=1).sum(axis=0)
            with np.errstate(divide="ignore", invalid="ignore"):
                result[start : start + step, k] = total / count
    return result


def _translations(states, lattice, n_states, leading) -> list[Finding]:
    """Whether sites, or pairs of them, differ from place to place where the lattice says they are equal."""
    cases = list(_cases(lattice))
    worst = None
    for what, where, groups in cases:
        values = _averages(states, n_states, groups)
        moved = values - values.mean(axis=1, keepdims=True)
        spread = _going_round(np.cov(moved.T))
        nothing = Mean(np.zeros(len(spread)), 0 * spread, np.inf)
        p = compare(moved, leading, nothing, spread).p * len(cases)
        means = values.mean(axis=0)
        if p < IMPROBABLE and (worst is None or np.ptp(means) > worst[0]):
            worst = np.ptp(means), what, where, means.min(), means.max()
    if worst is None:
        return []
    _, what, where, low, high = worst
    hint = '; rows of a triangular lattice are lattice.kind = "triangular_rows"' * (
        lattice.kind == "hypercubic" and lattice.dimension == 2
    )
    text = (
        f"{what} is not the same {where}, {low:.4f} to {high:.4f}, but the lattice is: its shape or kind is "
        "wrong, or snapshots are more alike than their order shows (write those of a chain after each other)"
        f"{_or_disorder(n_states)}; fits that take it to be the same everywhere find interactions that do "
        f"not exist{hint}"
    )
    return [Finding("translation", text)]


def _going_round(covariance: np.ndarray) -> np.ndarray:
    """What the covariance of places is if they are equal and go round: it depends on their distance alone."""
    k = len(covariance)
    distance = (np.arange(k) - np.arange(k)[:, None]) % k
    return (np.bincount(distance.ravel(), covariance.ravel()) / k)[distance]


def _cases(lattice: Lattice):
    """What is compared, between which places, and the sites or pairs of each place."""
    d, cell = lattice.dimension, lattice.geometry.sites_per_cell
    place = np.indices(lattice.array_shape).reshape(len(lattice.array_shape), -1)[:d]
    kinds = [(f"along axis {axis}", place[axis]) for axis in range(d) if lattice.shape[axis] >= SHORTEST]
    if all(side % 2 == 0 for side in lattice.shape):
        kinds.append(("on both sublattices of a checkerboard", place.sum(axis=0) % 2))
    box = half_space(np.array(list(product((-1, 0, 1), repeat=d))))
    ends = [(f"the correlation of neighbours {tuple(map(int, x))} apart", x) for x in box]
    for basis in range(cell):
        own = np.arange(basis, lattice.n_sites, cell)
        for what, offset in [("the mean state", None), *ends]:
            other = own if offset is None else lattice.at(lattice.coordinates[own] + offset)
            if np.any(other < 0):
                continue
            for where, number in kinds:
                groups = [np.flatnonzero(number[own] == k) for k in range(number.max() + 1)]
                pairs = own[:, None] if offset is None else np.stack([own, other], axis=1)
                yield what, where, [pairs[group] for group in groups]
