"""Energies of configurations as people have them, in any of the accepted shapes and encodings."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UserError
from ..physics.configurations import Configurations, mask_of
from .model import EnergyModel

# Sites whose energies are computed together.
BLOCK = 2**24


class CheckedEnergy:
    """An energy model that says what it does not understand.

    Configurations have the shape (..., *lattice) or (..., n_sites), sites in raster (C) order. Their values
    are integers, booleans or whole floats: 0 ... Q-1, or for Q = 2 also -1 and +1 (-1 is state 0, +1 is state
    1). At absent sites, which (..., n_sites) leaves out, any value will do. Whatever else is refused: other
    shapes, other values, -1 and 0 in one array, lost atoms.

    Learned energies are fixed up to a constant; zero is their mean over uniformly random configurations.

    Parameters
    ----------
    model : EnergyModel
    name : str
        What it is called in messages and when it is shown.
    """

    def __init__(self, model: EnergyModel, name: str):
        self.model, self.name = model, name

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array of a configuration."""
        return self.model.lattice.array_shape

    @property
    def n_states(self) -> int:
        """States Q of a site."""
        return self.model.n_states

    def energies(self, configurations: ArrayLike) -> NDArray[np.float64]:
        """Energy of each configuration, extensive, in J.

        Parameters
        ----------
        configurations : array_like, shape (..., *lattice) or (..., n_sites)
            An array of the shape of a configuration, or (n_sites,), is one configuration.

        Returns
        -------
        ndarray of float64, shape (...)

        Raises
        ------
        UserError
            If the array is not made of configurations of this lattice.
        """
        return self._each(self.model.energies, configurations)

    def errors(self, configurations: ArrayLike) -> NDArray[np.float64]:
        """Standard error of the energy of each configuration, in J; arguments as of `energies`.

        Raises
        ------
        UserError
            If the energy has no errors of its own, as only direct estimates do, or as in `energies`.
        """
        if not self.has_errors:
            raise UserError(f"the energy {self.name!r} has no errors of its own; 'direct' has")
        return self._each(self.model.errors, configurations)

    @property
    def has_errors(self) -> bool:
        """Whether the energy has standard errors of its own."""
        return hasattr(self.model, "errors")

    def _each(self, function, configurations: ArrayLike) -> NDArray[np.float64]:
        """What a function of states gives for each configuration."""
        try:
            array = np.asanyarray(configurations)
        except ValueError as error:  # rows of different lengths
            raise UserError(f"configurations are not an array: {error}") from None
        lattice = self.model.lattice
        single = array.shape in (lattice.array_shape, (lattice.n_array,), (lattice.n_sites,))
        rows = array[None] if single else array
        source = Configurations(
            np.asarray(rows), lattice, self.n_states, "the array of configurations", "shape",
            lost=mask_of(rows),
        )  # fmt: skip
        result = np.empty(source.n)
        step = max(1, BLOCK // lattice.n_sites)
        for start in range(0, source.n, step):
            stop = min(start + step, source.n)
            states = np.ascontiguousarray(source.read_complete(start, stop).T)
            result[start:stop] = function(states)
        return result.reshape(() if single else source.leading)

    def differences(self, before: ArrayLike, after: ArrayLike) -> NDArray[np.float64]:
        """Energies of configurations less those of others, E(after) - E(before), in J.

        Of learned energies only these mean anything.

        Parameters
        ----------
        before, after : array_like
            As in `energies`; leading axes are broadcast.

        Returns
        -------
        ndarray of float64, shape (...)
        """
        return self.energies(after) - self.energies(before)

    def __repr__(self) -> str:
        return f"<energy {self.name!r} on {self.model.lattice}, {self.n_states} states>"
