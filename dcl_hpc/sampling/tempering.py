r"""Replica exchange: ladders of temperatures that move between configurations.

Neighbouring temperatures a, b of a ladder are exchanged with probability
:math:`\min(1, e^{(\beta_a - \beta_b)(E_a - E_b)})` (Hukushima and Nemoto, J. Phys. Soc. Jpn. 65,
1604, 1996). Even and odd pairs alternate deterministically, which makes the walk in temperature
non-reversible (Syed et al., J. R. Stat. Soc. B 84, 321, 2022). Temperatures move, configurations
stay where they are; each pair's random number comes from a stream of its own, so every rank that
knows all energies takes the same decisions.
"""

import numpy as np

from .chains import Chains
from .compiled import njit
from .generator import OPTIONS, next_word, unit_float
from .streams import Purpose, streams


@njit(**OPTIONS)
def _exchange(betas, energies, random, parity, slot, attempts, accepted, heading, round_trips):
    """One round over the pairs of one parity in every ladder; see `Ladders` for the arrays."""
    n_ladders, n = slot.shape
    replica = np.empty(n, np.int64)  # that has each temperature
    for ladder in range(n_ladders):
        for r in range(n):
            replica[slot[ladder, r]] = r
        for k in range(parity, n - 1, 2):
            cold, hot = replica[k], replica[k + 1]
            exponent = (betas[k] - betas[k + 1]) * (energies[ladder, cold] - energies[ladder, hot])
            u = unit_float(next_word(random, ladder * (n - 1) + k))
            attempts[ladder, k] += 1
            if u < np.exp(min(exponent, 0.0)):
                accepted[ladder, k] += 1
                slot[ladder, cold], slot[ladder, hot] = k + 1, k
        for r in range(n):
            if slot[ladder, r] == 0:
                round_trips[ladder, r] += heading[ladder, r] < 0
                heading[ladder, r] = 1
            elif slot[ladder, r] == n - 1 and heading[ladder, r] > 0:
                heading[ladder, r] = -1


class Ladders:
    """Independent ladders over the same inverse temperatures.

    Parameters
    ----------
    betas : ndarray of float64, shape (n_temperatures,)
        In the order of the ladder, by convention the coldest first.
    ladders : int or range
        How many ladders, or their global numbers, which key their streams.
    seed : int
    realization : int

    Attributes
    ----------
    slot : int64 (n_ladders, n_temperatures)
        Index of the temperature that each replica has now.
    streams : uint32 (4, n_ladders * (n_temperatures - 1))
    attempts, accepted : int64 (n_ladders, n_temperatures - 1)
        Exchange statistics per pair of temperatures.
    heading : int8 (n_ladders, n_temperatures)
        1 from the first temperature on, -1 from then on when the last was reached; 0 before any of this.
    round_trips : int64 (n_ladders, n_temperatures)
        How often each replica went from the first temperature to the last and back.
    step : int
        Number of exchange rounds so far.
    """

    def __init__(self, betas, ladders: int | range, seed: int, realization: int = 0):
        self.betas = np.asarray(betas, dtype=float)
        n = len(self.betas)
        ladders = range(ladders) if isinstance(ladders, int) else ladders
        self.slot = np.tile(np.arange(n), (len(ladders), 1))
        pairs = range(ladders.start * (n - 1), ladders.stop * (n - 1))
        self.streams = streams(seed, Purpose.EXCHANGE, pairs, realization)
        self.attempts = np.zeros((len(ladders), n - 1), np.int64)
        self.accepted = np.zeros((len(ladders), n - 1), np.int64)
        self.heading = np.zeros((len(ladders), n), np.int8)
        self.round_trips = np.zeros((len(ladders), n), np.int64)
        self.step = 0

    @property
    def beta(self) -> np.ndarray:
        """Inverse temperature of each replica, float64 (n_ladders, n_temperatures)."""
        return self.betas[self.slot]

    def exchange(self, energies: np.ndarray) -> None:
        """One round over the even or the odd pairs.

        Parameters
        ----------
        energies : ndarray, shape (n_ladders, n_temperatures)
            Energy of each replica in J.
        """
        parity = self.step % 2
        self.step += 1
        _exchange(
            self.betas, np.asarray(energies, float), self.streams, parity,
            self.slot, self.attempts, self.accepted, self.heading, self.round_trips,
        )  # fmt: skip

    def forget_statistics(self) -> None:
        """Count exchanges and round trips anew, from here."""
        for counter in (self.attempts, self.accepted, self.heading, self.round_trips):
            counter[...] = 0

    @staticmethod
    def layout(n_ladders: int, n_temperatures: int) -> dict[str, tuple[tuple[int, ...], type]]:
        """Shape and dtype of each array of `state`; the first axis counts ladders."""
        n = n_temperatures
        return {
            "slot": ((n_ladders, n), np.int64),
            "streams": ((n_ladders, n - 1, 4), np.uint32),
            "attempts": ((n_ladders, n - 1), np.int64),
            "accepted": ((n_ladders, n - 1), np.int64),
            "heading": ((n_ladders, n), np.int8),
            "round_trips": ((n_ladders, n), np.int64),
            "step": ((n_ladders,), np.int64),
        }

    def state(self) -> dict[str, np.ndarray]:
        """All that a restart needs, by name; `restore` takes it."""
        layout = self.layout(*self.slot.shape)
        result = {name: getattr(self, name) for name in layout}
        result["streams"] = self.streams.T.reshape(layout["streams"][0])
        result["step"] = np.full(layout["step"][0], self.step)
        return result

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a saved state."""
        for name in ("slot", "attempts", "accepted", "heading", "round_trips"):
            getattr(self, name)[...] = state[name]
        self.streams[...] = state["streams"].reshape(-1, 4).T
        self.step = int(state["step"][0])


def communication_barrier(acceptance: np.ndarray) -> float:
    """Sum of the rejection rates of all pairs (Syed et al., 2022): what replicas have to overcome.

    A ladder's replicas together make one round trip in about 2 + 2 sum r/(1-r) rounds; for many temperatures
    that sum, too, tends to the barrier.
    """
    return float(np.sum(1 - np.asarray(acceptance)))


def exchange_line(acceptance: np.ndarray, round_trips: int) -> str:
    """How replica exchange went, in one line; acceptance is nan for pairs that never tried."""
    if np.any(np.isnan(acceptance)):
        return f"{len(acceptance) + 1} temperatures, too few exchanges for statistics"
    return (
        f"{len(acceptance) + 1} temperatures, pairs accepted {np.min(acceptance):.2f} to "
        f"{np.max(acceptance):.2f}, communication barrier {communication_barrier(acceptance):.2f}, "
        f"{round_trips} round trips"
    )


class Replicas:
    """Replica exchange of one energy model, of which this process runs a share of the replicas.

    Parameters
    ----------
    model : EnergyModel
    ladders : Ladders
    mine : slice
        Own replicas, in the order of `ladders.slot.ravel()`.
    seed, purpose, realization
        Key of the chains' streams.
    gather : callable
        Maps the energies of the own replicas to those of all; the identity for a single process.
    first : int
        Global number of the ladders' first replica.
    exchanges : bool
        Whether `advance` exchanges temperatures; never in ladders of one.
    """

    def __init__(
        self, model, ladders: Ladders, mine: slice, seed: int, purpose: Purpose,
        realization: int = 0, gather=lambda energy: energy, first: int = 0, exchanges: bool = True,
    ):  # fmt: skip
        self.model, self.ladders, self.mine, self._gather = model, ladders, mine, gather
        self.exchanges = exchanges and len(ladders.betas) > 1
        numbers = range(first + mine.start, first + mine.stop)
        beta = ladders.beta.ravel()[mine]
        self.chains = Chains.start(model, beta, numbers, seed, purpose, realization)

    @property
    def slot(self) -> np.ndarray:
        """Temperature index of each own replica, int64 (n,)."""
        return self.ladders.slot.ravel()[self.mine]

    def advance(self, n_sweeps: int = 1, measure=None) -> None:
        """Sweep and exchange; all processes take part.

        Parameters
        ----------
        n_sweeps : int
            Each of them is followed by an exchange.
        measure : callable (energy), optional
            Called between sweep and exchange, with the energies of the own replicas in J, float64 (n,).
        """
        if measure is None and not self.exchanges:
            self.chains.sweep(self.model, n_sweeps)
            return
        for _ in range(n_sweeps):
            energy = self.sweep()
            if measure is not None:
                measure(energy)
            if self.exchanges:
                self.exchange(energy)

    def sweep(self, n_sweeps: int = 1) -> np.ndarray:
        """Sweep the own replicas; returns their energies in J, float64 (n,)."""
        self.chains.sweep(self.model, n_sweeps)
        return self.model.energies(self.chains.states)

    def exchange(self, energy: np.ndarray) -> None:
        """Exchange temperatures; all processes take part with the energies of their replicas."""
        self.ladders.exchange(self._gather(energy).reshape(self.ladders.slot.shape))
        self.follow()

    def follow(self) -> None:
        """Give the chains the temperatures of their ladders."""
        self.chains.beta[:] = self.ladders.beta.ravel()[self.mine]
