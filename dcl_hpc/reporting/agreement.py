"""How far learned energies agree with each other, where no true one is known."""

from itertools import combinations

import numpy as np


def agreement(energies: dict[str, np.ndarray]) -> list[dict]:
    """How far energies agree with each other on the same configurations, for every two of them.

    Parameters
    ----------
    energies : dict of str to ndarray, shape (n,)
        In J; their means do not matter.

    Returns
    -------
    list of dict
        `first`, `second`; `correlation` (Pearson) and `slope` of the second on the first, None where one of
        them does not vary; `rms`, root mean square of their difference without its mean, in J.
    """
    centred = {name: energy - energy.mean() for name, energy in energies.items()}
    rows = []
    for (first, x), (second, y) in combinations(centred.items(), 2):
        row = {"first": first, "second": second, "correlation": None, "slope": None}
        if x.any() and y.any():
            row["correlation"] = float(x @ y / np.sqrt((x @ x) * (y @ y)))
            row["slope"] = float(x @ y / (x @ x))
        rows.append(row | {"rms": float(np.sqrt(((x - y) ** 2).mean()))})
    return rows
