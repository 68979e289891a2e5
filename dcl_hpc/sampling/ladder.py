r"""Where to put the temperatures of replica exchange, so that all pairs are accepted equally often.

Between close temperatures the rejection rate is the integral of the local barrier
:math:`\lambda(\beta) = \frac12 \langle |E - E'| \rangle_\beta` over the inverse temperature, with two
independent configurations E, E' (Predescu et al., J. Chem. Phys. 120, 4119, 2004; Syed et al., J. R. Stat.
Soc. B 84, 321, 2022). Trial runs measure it, and temperatures are placed at equal steps of its
integral.
"""

import numpy as np

from .streams import Purpose
from .tempering import Ladders, Replicas

# Rejection rate to aim at; the round trips of a non-reversible ladder are fastest near one half.
REJECTION = 0.5
MOST_TEMPERATURES = 48
TRIAL_LADDERS = 8
ROUNDS = 3
FIRST_TEMPERATURES = 16
TRIAL_REPLICAS = TRIAL_LADDERS * FIRST_TEMPERATURES
# Keeps the streams of trial runs apart from others.
TRIAL_KEY = 2**33


def local_barrier(energies: np.ndarray) -> float:
    """Half the mean absolute difference of independent energies, in J.

    Parameters
    ----------
    energies : ndarray, shape (n,)
        Energies at one temperature; the mean is over all pairs.
    """
    ordered, n = np.sort(energies), len(energies)
    return float((2 * np.arange(n) - n + 1) @ ordered / (n * (n - 1)))


def place(listed: np.ndarray, betas: np.ndarray, barrier: np.ndarray, count: int | None) -> np.ndarray:
    """Inverse temperatures: the listed ones and others between them.

    Parameters
    ----------
    listed : ndarray, descending
        Inverse temperatures to keep.
    betas, barrier : ndarrays, betas descending
        Where the local barrier was measured, and its values.
    count : int, optional
        How many to return; without it as many as keep every rejection rate below `REJECTION`, and at
        most `MOST_TEMPERATURES` unless more are listed.

    Returns
    -------
    ndarray of float64, descending
    """
    steps = (barrier[1:] + barrier[:-1]) / 2 * -np.diff(betas)
    cumulative = np.concatenate([[0], np.cumsum(np.maximum(steps, 1e-12))])
    at = np.interp(-listed, -betas, cumulative)
    gaps = np.diff(at)
    pairs = np.ones(len(gaps), int)
    most = max(count or MOST_TEMPERATURES, len(listed)) - 1
    while pairs.sum() < most and (count or (gaps / pairs).max() > REJECTION):
        pairs[np.argmax(gaps / pairs)] += 1
    parts = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(at[:-1], at[1:], pairs, strict=True)]
    result = -np.interp(np.concatenate([*parts, at[-1:]]), cumulative, -betas)
    result[np.concatenate([[0], np.cumsum(pairs)])] = listed
    return result


def adapt(
    model, listed, rungs, sweeps: int, seed: int, realization: int, share, gather, on_sweep=lambda: None
) -> np.ndarray:
    """Measure the local barrier in trial runs and place the ladder.

    Parameters
    ----------
    model : EnergyModel
    listed : ndarray
        Temperatures to keep, ascending, in J/k_B.
    rungs : int or "auto"
        Number of temperatures in all, see `place`.
    sweeps : int
        Length of the last trial run; the ones before are shorter.
    share : callable
        Maps a number of replicas to the slice that this process runs.
    gather : callable
        See `Replicas`.
    on_sweep : callable
        Called after every sweep.

    Returns
    -------
    ndarray of float64, ascending
        The same on every process.
    """
    listed = np.asarray(listed, float)
    fixed, count = 1 / listed, None if rungs == "auto" else rungs
    betas = place(fixed, fixed, np.ones(len(fixed)), FIRST_TEMPERATURES)
    for trial in range(ROUNDS):
        length = max(20, sweeps >> (ROUNDS - 1 - trial))
        key = realization + TRIAL_KEY * (trial + 1)
        ladders = Ladders(betas, TRIAL_LADDERS, seed, key)
        mine = share(ladders.slot.size)
        replicas = Replicas(model, ladders, mine, seed, Purpose.SWEEP, key, gather)
        kept = []

        def keep(energy, ladders=ladders, kept=kept):
            kept.append((energy, ladders.slot.copy()))

        for sweep in range(length):
            replicas.advance(1, keep if sweep >= length // 2 else None)
            on_sweep()
        own, slots = (np.stack(column) for column in zip(*kept, strict=True))
        energy = gather(np.ascontiguousarray(own.T)).T.reshape(slots.shape)
        by_temperature = np.take_along_axis(energy, np.argsort(slots, axis=2), axis=2)
        barrier = np.array([local_barrier(values) for values in by_temperature.reshape(-1, len(betas)).T])
        measured = betas
        betas = place(fixed, measured, barrier, count)
        if len(betas) < FIRST_TEMPERATURES and trial < ROUNDS - 1:  # keep the mesh of the measurement fine
            betas = place(fixed, measured, barrier, FIRST_TEMPERATURES)
    result = 1 / betas
    result[np.searchsorted(-betas, -fixed)] = listed  # exactly as they were given
    return result
