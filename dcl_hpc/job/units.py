"""Units of energies and temperatures, as pages and messages write them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Units:
    """Units of a job; the numbers are the same in all of them.

    Attributes
    ----------
    energy, temperature : str
        In plain text.
    """

    energy: str
    temperature: str


PHYSICAL = Units("J", "J/k_B")
# What snapshots alone can tell, where nobody knows at which temperature they were taken.
OBSERVED = Units("k_B T_o", "T_o")
