"""The spread of a committee of networks: what their training leaves open."""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from ..storage.weights import load


class Committee:
    """Energies of networks of one kind.

    Parameters
    ----------
    load : callable ()
        Gives their energy models; it is called when they are first needed.
    """

    def __init__(self, load: Callable[[], list]):
        self._load = load

    @cached_property
    def members(self) -> list:
        """Energy models, or whatever else has `energies`."""
        return self._load()

    def training_modes(self, states: np.ndarray) -> np.ndarray:
        r"""Deviations of the members from their mean, in J.

        .. math:: \delta_m(s) = \frac{E_m(s) - \bar E(s)}{\sqrt{K - 1}}

        The sum of their squares is the unbiased variance of the energy of one member.

        Parameters
        ----------
        states : uint8 (n_sites, n_chains)

        Returns
        -------
        float64 (K, n_chains)
        """
        energies = np.array([member.energies(states) for member in self.members])
        return (energies - energies.mean(axis=0)) / np.sqrt(len(energies) - 1)


def of_run(run, energy: str, make: Callable) -> Committee:
    """The committee that a run trained for an energy.

    Parameters
    ----------
    make : callable (settings, arrays)
        The energy model of one member.
    """

    def members():
        settings, arrays, _ = load(run.require(f"committee_{energy}"))
        own = [{} for _ in settings["members"]]
        for name, array in arrays.items():
            number, _, rest = name.partition("_")
            own[int(number)][rest] = array
        return [make(*member) for member in zip(settings["members"], own, strict=True)]

    return Committee(members)
