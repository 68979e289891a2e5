"""Energies of tiny lattices, one or more for every kernel, with all their configurations enumerated."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest

from dcl_hpc.energy.ednn import EdnnEnergy
from dcl_hpc.energy.true import TrueEnergy
from dcl_hpc.physics import hamiltonian
from dcl_hpc.physics.clusters import ClusterHamiltonian, Term, images
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.sampling.chains import Chains


@dataclass(frozen=True)
class Case:
    """An energy model and its energy in other words."""

    kernel: str
    energy: object
    formula: object

    @cached_property
    def configurations(self):
        """Every configuration, in the order of its number in base Q."""
        return all_states(self.energy.n_states, self.energy.lattice.n_sites)

    @cached_property
    def levels(self):
        """Energy of every configuration in J."""
        return self.formula(self.configurations)

    @cached_property
    def powers(self):
        """Weight of each site in the number of a configuration."""
        q, n_sites = self.energy.n_states, self.energy.lattice.n_sites
        return q ** np.arange(n_sites - 1, -1, -1)

    def numbers(self, states):
        """Number of each chain's configuration."""
        return self.powers @ states

    def boltzmann(self, beta):
        """Probability of each configuration."""
        weight = np.exp(-beta * self.levels)
        return weight / weight.sum()


def true_case(kernel, model, **options):
    """A pair Hamiltonian."""
    return Case(kernel, TrueEnergy(model, **options), model.energy)


def glass(lattice, kind, seed, pair=None, field=0.0):
    """Random couplings; two states unless another table is given."""
    lattice = lattice if isinstance(lattice, Lattice) else Lattice(lattice)
    couplings = hamiltonian.random_couplings(lattice, kind, np.random.default_rng(seed))
    model = hamiltonian.ising(lattice, couplings, field)
    return model if pair is None else hamiltonian.Hamiltonian(lattice, couplings, pair)


def random_table(n_states, seed=8):
    """A symmetric table of pair energies without any pattern, of full rank."""
    table = np.random.default_rng(seed).uniform(-1, 1, (n_states, n_states))
    assert np.linalg.matrix_rank(table + table.T) == n_states
    return table + table.T


def uniform(shape, pair):
    """Equal couplings with any table."""
    lattice = Lattice(shape)
    return hamiltonian.Hamiltonian(lattice, np.ones((lattice.n_sites, lattice.dimension)), pair)


def random_tiles(shape, focus, context, n_states, seed=9):
    """Tiles with a random energy for each of their states."""
    lattice, side = Lattice(shape), focus + 2 * context
    size = n_states ** (side ** len(shape))
    table = np.random.default_rng(seed).uniform(-1, 1, size).astype(np.float32)

    def formula(states):
        total = np.zeros(len(states))
        for corner in np.ndindex(*(length // focus for length in shape)):
            number = np.zeros(len(states), int)
            for offset in np.ndindex(*[side] * len(shape)):
                at = (np.array(corner) * focus + offset - context) % shape
                number = number * n_states + states[:, lattice.index[tuple(at)]]
            total += table[number]
        return total

    return Case("tables", EdnnEnergy(lattice, focus, context, n_states, table), formula)


def interactions(lattice, n_states, *terms):
    """Interactions with all their images."""
    every = [image for term in terms for image in images(term, lattice.geometry, n_states)]
    return ClusterHamiltonian(lattice, n_states, tuple(every))


# sites with 1 and 3, 3, 6, and 1 to 4 neighbours
HOLED = Lattice((3, 4), open=(0,), absent=(0, 5, 7, 10))
HONEYCOMB = Lattice((2, 2), "honeycomb")
TRIANGULAR = Lattice((2, 4), "triangular")
KAGOME = Lattice((2, 2), "kagome", open=(0, 1), absent=(0, 5, 10, 11))
BOND, CORNER = ((0, 0), (1, 0)), ((0, 0), (1, 0), (0, 1))
J1J2 = Term(BOND, 0.5), Term(((0, 0), (1, 1)), -0.2), Term(((0, 0),), 0.2)
ISING, POTTS, CLOCK = hamiltonian.ising, hamiltonian.potts, hamiltonian.clock
CASES = {
    # without the factor in `acceptance` some configurations of 2x2 only turn into each other
    "ising 2x2": true_case("multi-spin", ISING(Lattice((2, 2)))),
    "ising 2x3": true_case("multi-spin", ISING(Lattice((2, 3)), 0.8)),
    "antiferromagnet 3x3": true_case("multi-spin", ISING(Lattice((3, 3)), -1.0)),
    "bimodal 3x3": true_case("multi-spin", glass((3, 3), "bimodal", 5)),
    "cubic": true_case("multi-spin", ISING(Lattice((2, 2, 2)), 0.5)),
    "bimodal cubic": true_case("multi-spin", glass((2, 2, 2), "bimodal", 2)),
    "ring": true_case("multi-spin", ISING(Lattice((5,)))),
    "bimodal ring": true_case("multi-spin", glass((7,), "bimodal", 4)),
    "delta of two": true_case("multi-spin", POTTS(Lattice((2, 3)), 2)),
    "antiferromagnetic clock of two": true_case("multi-spin", CLOCK(Lattice((3, 2)), 2, -0.7)),
    "vectorised ising": true_case("two_state_sweeps", ISING(Lattice((2, 3))), n_chains=1),
    "gaussian": true_case("two_state_sweeps", glass((3, 3), "gaussian", 5)),
    "gaussian cubic": true_case("two_state_sweeps", glass((2, 2, 2), "gaussian", 7)),
    "delta of three": true_case("like_sweeps", POTTS(Lattice((2, 3)), 3)),
    "clock of three": true_case("like_sweeps", CLOCK(Lattice((2, 3)), 3)),
    "antiferromagnetic delta": true_case("like_sweeps", POTTS(Lattice((5,)), 3, -1.3)),
    "delta of five": true_case("like_sweeps", POTTS(Lattice((2, 2)), 5)),
    "gaussian delta": true_case("like_sweeps", glass((2, 3), "gaussian", 6, np.eye(3))),
    "clock of four": true_case("pair_sweeps", CLOCK(Lattice((2, 2)), 4)),
    "clock of five": true_case("pair_sweeps", CLOCK(Lattice((3,)), 5)),
    "clock of six": true_case("pair_sweeps", CLOCK(Lattice((2, 2)), 6)),
    "two states in a field": true_case("pair_sweeps", uniform((2, 3), np.array([[0.9, -0.4], [-0.4, 0.3]]))),
    "random table": true_case("pair_sweeps", uniform((2, 2), random_table(4))),
    "random table, gaussian": true_case("pair_sweeps", glass((2, 3), "gaussian", 3, random_table(3))),
    "open": true_case("multi-spin", ISING(Lattice((2, 4), open=(0, 1)), -0.9)),
    "holes": true_case("multi-spin", ISING(HOLED, 0.7)),
    "triangular": true_case("multi-spin", ISING(TRIANGULAR, -0.6)),
    "honeycomb": true_case("multi-spin", glass(HONEYCOMB, "bimodal", 4)),
    "kagome": true_case("multi-spin", ISING(KAGOME)),
    "gaussian kagome": true_case("two_state_sweeps", glass(KAGOME, "gaussian", 2)),
    "field": true_case("two_state_sweeps", ISING(Lattice((2, 3)), 0.8, 0.6)),
    "random fields": true_case(
        "two_state_sweeps", glass(HOLED, "gaussian", 5, field=np.random.default_rng(1).normal(size=8))
    ),
    "delta in a field": true_case("like_sweeps", POTTS(Lattice((2, 3), open=(1,)), 3, 1.0, [0.3, -0.8, 0])),
    "clock of four in a field": true_case("pair_sweeps", CLOCK(Lattice((2, 2)), 4, 1.0, [0, 0.7, 0.2, -0.4])),
    "interactions": true_case("tables", interactions(Lattice((3, 3)), 2, *J1J2)),
    "interactions with edges": true_case("tables", interactions(HOLED, 2, *J1J2, Term(CORNER, -0.4))),
    "interactions on kagome": true_case("tables", interactions(KAGOME, 2, *J1J2[:2])),
    "interactions of three states": true_case(
        "tables",
        interactions(
            Lattice((2, 3), open=(1,)), 3, Term(BOND, 0.8, (1, 2)), Term(((0, 0),), 0.4, (1,), "sin")
        ),
    ),
    "tiles": random_tiles((3, 3), 1, 1, 2),
    "tiles without context": random_tiles((2, 4), 2, 0, 2),
    "ring of tiles": random_tiles((6,), 2, 1, 3),
    "ring of tiles of five": random_tiles((4,), 1, 1, 5),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    """One case after the other."""
    return request.param


@pytest.fixture(scope="session")
def scatter():
    """Chains at random configurations: `scatter(energy, beta, seed)`."""

    def start(energy, beta, seed):
        random = np.random.default_rng(seed)
        states = random.integers(0, energy.n_states, (energy.lattice.n_sites, len(beta)), np.uint8)
        streams = random.integers(0, 2**32, (4, len(beta)), np.uint32)
        return Chains(states, np.array(beta, float), streams)

    return start


def _together(size, run):
    """Results of run(share, gather) on processes that are threads here."""
    barrier, parts = threading.Barrier(size, timeout=60), [None] * size

    def process(rank):
        def share(n):
            bounds = np.linspace(0, n, size + 1).astype(int)
            return slice(bounds[rank], bounds[rank + 1])

        def gather(energy):
            parts[rank] = energy
            barrier.wait()
            every = np.concatenate(parts)
            barrier.wait()
            return every

        return run(share, gather)

    with ThreadPoolExecutor(size) as threads:
        return list(threads.map(process, range(size)))


@pytest.fixture(scope="session")
def together():
    """Run the share of every process: `together(3, lambda share, gather: ...)` gives their results."""
    return _together


def _next_word(s):
    """Blackman and Vigna's xoshiro128++ on a list of four Python integers."""

    def rotate(x, k):
        return ((x << k) | (x >> (32 - k))) & 0xFFFFFFFF

    word = (rotate((s[0] + s[3]) & 0xFFFFFFFF, 7) + s[0]) & 0xFFFFFFFF
    t = (s[1] << 9) & 0xFFFFFFFF
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = rotate(s[3], 11)
    return word


@pytest.fixture(scope="session")
def next_word():
    """The generator of the kernels in Python: `next_word(state)`."""
    return _next_word
