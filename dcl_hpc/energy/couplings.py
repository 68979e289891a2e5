r"""Pair couplings and fields of two-state models from the energies of flipped configurations.

With s = 2 q - 1 every energy is a sum over sets of sites, E = - sum_A c_A prod_{k in A} s_k. Flips F of two
sites, together and apart, leave the sets that hold both:

.. math::
   D_{ij}(s) &= E(s) - E(F_i s) - E(F_j s) + E(F_i F_j s) \\
   -\tfrac14 s_i s_j D_{ij}(s) &= J_{ij} + \sum_{A \supset \{i,j\}, |A| > 2} c_A \prod_{k \in A - \{i,j\}} s_k

For a pairwise energy this is J_ij for every s. Otherwise the other products average to zero over uniformly
random s: the mean is the pair coefficient of the energy, and the scatter tells how far from pairwise the
energy is. At a finite temperature the products have means of their own, which would be mixed with the
couplings. So `configurations` are meant to be uniformly random.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..inference.bonds import Bonds
from ..physics.clusters import ClusterHamiltonian
from ..physics.hamiltonian import Hamiltonian
from ..physics.lattice import Lattice
from .model import EnergyModel

# Random configurations for the means: 8x8 sites then take 137,000 energies, which a network of 256 units
# computes in some 20 s on one core. Errors are then well below those of couplings that were learned.
CONFIGURATIONS = 64
# Lattices of up to so many sites have all pairs looked at, larger ones their bonds and as many others.
ALL_PAIRS = 144
# Configurations given to a model at a time, and sites in them.
BLOCK, BLOCK_SITES = 2**16, 2**26


@dataclass(frozen=True)
class Estimates:
    """What each configuration says on its own.

    Attributes
    ----------
    couplings : float64 (n, n_pairs)
        In J.
    fields : float64 (n, n_sites)
        In J, for an energy with -h_i s_i.
    """

    couplings: np.ndarray
    fields: np.ndarray


@dataclass(frozen=True)
class Recovered:
    """Means over configurations with their standard errors, all in J.

    Attributes
    ----------
    value, error : float64 (n_pairs,)
        Couplings.
    field, field_error : float64 (n_sites,)
    """

    value: np.ndarray
    error: np.ndarray
    field: np.ndarray
    field_error: np.ndarray


def choose_pairs(lattice: Lattice, generator) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of sites to look at: all, or on a large lattice its bonds and as many random others.

    Parameters
    ----------
    lattice : Lattice
    generator : numpy Generator

    Returns
    -------
    pairs : int32 (n, 2)
        In ascending order, the smaller site first.
    bond : bool (n,)
        Whether the lattice joins the two.
    """
    n = lattice.n_sites
    bonds = np.unique(_codes(n, *lattice.bonds.T))
    if n <= ALL_PAIRS:
        codes = _codes(n, *np.triu_indices(n, 1))
    else:
        # half of the codes have the sites in order, few of them are bonds: twice as many as needed
        drawn = generator.choice(n * n, 4 * len(bonds), replace=False)
        others = drawn[(drawn // n < drawn % n) & ~np.isin(drawn, bonds)]
        codes = np.sort(np.concatenate([bonds, others[: len(bonds)]]))
    return np.stack([codes // n, codes % n], axis=1).astype(np.int32), np.isin(codes, bonds)


def true_couplings(hamiltonian: Hamiltonian | ClusterHamiltonian, pairs: np.ndarray) -> np.ndarray:
    """Couplings of pairs of sites, float64 (n,), in J; bonds between the same two sites add up.

    Raises
    ------
    ValueError
        If the Hamiltonian has more than two states.
    """
    n = hamiltonian.lattice.n_sites
    sites, couplings = hamiltonian.pairs
    codes, place = np.unique(_codes(n, *sites.T), return_inverse=True)
    if not len(codes):
        return np.zeros(len(pairs))
    total = np.bincount(place, couplings)
    wanted = _codes(n, *np.asarray(pairs).T)
    place = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
    return np.where(codes[place] == wanted, total[place], 0.0)


def true_fields(hamiltonian: Hamiltonian | ClusterHamiltonian) -> np.ndarray:
    """Fields h_i of the sites of a two-state Hamiltonian, float64 (n_sites,), in J, for -h_i s_i.

    With them and `true_couplings` are the energy's coefficients of single spins and of pairs.
    """
    return (hamiltonian.field[:, 0] - hamiltonian.field[:, 1]) / 2


def _codes(n_sites, first, second):
    """One number for each pair of sites, whatever their order."""
    return np.minimum(first, second).astype(np.int64) * n_sites + np.maximum(first, second)


def estimates(model: EnergyModel, configurations: np.ndarray, pairs: np.ndarray) -> Estimates:
    """Couplings and fields that single configurations give.

    A field is the mean over a configuration and its inverse, where all products of an even number of spins
    drop out, h_i = -1/4 s_i [E(s) - E(F_i s) - E(-s) + E(-F_i s)]: it is 0 for any energy that is symmetric.

    Parameters
    ----------
    model : EnergyModel
        Of two states.
    configurations : uint8 (n, n_sites)
        States 0 and 1; none are allowed.
    pairs : int (n_pairs, 2)

    Raises
    ------
    ValueError
        If the model has more than two states, or configurations or pairs do not fit it.
    """
    n_sites, configurations, pairs = model.lattice.n_sites, np.asarray(configurations), np.asarray(pairs)
    if model.n_states != 2:
        raise ValueError(f"couplings of spins need 2 states, the model has {model.n_states}")
    if configurations.ndim != 2 or configurations.shape[1] != n_sites:
        raise ValueError(f"configurations have shape {configurations.shape}, expected (n, {n_sites})")
    if configurations.size and not np.isin(configurations, (0, 1)).all():
        raise ValueError("configurations have states other than 0 and 1")
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer):
        raise ValueError(f"pairs have shape {pairs.shape} and type {pairs.dtype}, expected integers (n, 2)")
    if pairs.size and (pairs.min() < 0 or pairs.max() >= n_sites or (pairs[:, 0] == pairs[:, 1]).any()):
        raise ValueError(f"pairs must be two different sites of 0 ... {n_sites - 1}")
    states = configurations.astype(np.uint8)
    i, j = pairs.T
    # site n_sites stands for no flip
    none, sites = np.array([n_sites]), np.arange(n_sites)
    first, second = np.concatenate([none, sites, i]), np.concatenate([none, none.repeat(n_sites), j])
    energy = _flipped(model, states, first, second)
    inverse = _flipped(model, 1 - states, first[: n_sites + 1], second[: n_sites + 1])
    spins = 2.0 * states - 1
    cost = energy[:, 1 : n_sites + 1] - energy[:, :1]
    inverse_cost = inverse[:, 1:] - inverse[:, :1]
    both = energy[:, n_sites + 1 :] - energy[:, :1]
    return Estimates(
        -spins[:, i] * spins[:, j] * (both - cost[:, i] - cost[:, j]) / 4, spins * (cost - inverse_cost) / 4
    )


def _flipped(model, states, first, second):
    """Energies of configurations with two sites flipped, float64 (n, flips), in J."""
    (n, n_sites), flips = states.shape, len(first)
    energy = np.empty(n * flips)
    step = max(min(BLOCK, BLOCK_SITES // n_sites), 1)
    for start in range(0, len(energy), step):
        configuration, flip = np.divmod(np.arange(start, min(start + step, len(energy))), flips)
        block = np.empty((n_sites + 1, len(flip)), np.uint8)
        block[:n_sites] = states.T[:, configuration]
        columns = np.arange(len(flip))
        for sites in (first[flip], second[flip]):
            block[sites, columns] ^= 1
        energy[start : start + step] = model.energies(block[:n_sites])
    return energy.reshape(n, flips)


def mean(found: Estimates) -> Recovered:
    """Means and standard errors over configurations.

    Raises
    ------
    ValueError
        If there are fewer than two configurations.
    """
    n = len(found.couplings)
    if n < 2:
        raise ValueError(f"standard errors need two configurations, there are {n}")
    result = []
    for values in (found.couplings, found.fields):
        result += [values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(n)]
    return Recovered(*result)


def with_errors(found: Recovered, pairs: np.ndarray, bonds: Bonds, errors: np.ndarray) -> Recovered:
    """With the standard errors of what observations told beside those over configurations.

    Parameters
    ----------
    pairs : int (n_pairs, 2)
        Of what was recovered, the smaller site first.
    bonds : Bonds
    errors : float64 (n,)
        Of their couplings and fields, in J.
    """
    told, told_fields = np.zeros(len(pairs)), np.zeros(bonds.n_sites)
    ends, number = pairs @ [bonds.n_sites, 1], bonds.pairs @ [bonds.n_sites, 1]
    order = np.argsort(ends)
    place = order[np.minimum(np.searchsorted(ends, number, sorter=order), len(ends) - 1)]
    looked = ends[place] == number
    told[place[looked]] = errors[: len(number)][looked]
    told_fields[bonds.sites] = errors[len(number) :]
    return replace(
        found, error=np.hypot(found.error, told), field_error=np.hypot(found.field_error, told_fields)
    )


def recover(model: EnergyModel, configurations: np.ndarray, pairs: np.ndarray) -> Recovered:
    """Couplings of pairs and fields of all sites, with errors; see `estimates` and `mean`."""
    return mean(estimates(model, configurations, pairs))
