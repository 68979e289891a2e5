"""Monte Carlo with tile energies, by tables and by the network."""

import numpy as np
import pytest

from dcl_hpc.energy.ednn import EdnnEnergy, TileNetworkEnergy
from dcl_hpc.energy.tile_networks import tabulate, tile_energies
from dcl_hpc.physics.exact import all_states
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.tiles import Tiling
from dcl_hpc.sampling import kernels, tile_kernels, tile_tables
from dcl_hpc.sampling.chains import Chains
from dcl_hpc.sampling.streams import Purpose

SCALE = 2.5
# n_states, shape, focus, context: square and cubic, merged boxes, differences, kept energies
CASES = [
    (2, (8, 8), 2, 1),
    (2, (6, 5), 1, 1),
    (2, (4, 4), 1, 1),
    (2, (4, 8), 1, 1),
    (3, (6, 6), 1, 1),
    (3, (4, 6), 2, 0),
    (2, (4, 4, 4), 2, 0),
    (3, (3, 2, 2), 1, 0),
    (2, (9, 6), 3, 0),
]
cases = pytest.mark.parametrize(("q", "shape", "focus", "context"), CASES)


def network(q, sites, copies=(), seed=1):
    """Random weights whose tile energies are of the order of J."""
    random = np.random.default_rng(seed)
    sizes, arrays = [sites * (1 if q == 2 else q), 16, 8, 1], {}
    for k in range(3):
        arrays[f"weights_{k}"] = random.normal(0, np.sqrt(2 / sizes[k]), (*copies, sizes[k], sizes[k + 1]))
        arrays[f"biases_{k}"] = random.normal(0, 0.3, (*copies, *([1] if copies else []), sizes[k + 1]))
    return {name: values.astype(np.float32) for name, values in arrays.items()}


def full(arrays, q, tiles, states):
    """Energies in float64 of states, (n_sites, n_chains), with every tile computed."""
    exact = {name: values.astype(float) for name, values in arrays.items()}
    per_tile = exact["weights_0"].ndim == 3
    total = np.zeros(states.shape[1])
    for t, sites in enumerate(tiles):
        own = {name: values[t] for name, values in exact.items()} if per_tile else exact
        total += tile_energies(own, SCALE, q)(states[sites].T)
    return total


def both(q, shape, focus, context):
    """Table and network of the same energy, and its arrays and tiles."""
    lattice = Lattice(shape)
    tiles = Tiling(lattice, focus, context).sites
    arrays = network(q, tiles.shape[1])
    table = tabulate(tile_energies(arrays, SCALE, q), q, tiles.shape[1])
    one = EdnnEnergy(lattice, focus, context, q, table)
    return one, TileNetworkEnergy(lattice, focus, context, q, arrays, SCALE), arrays, tiles


def recorded(monkeypatch, energy, chains, n_sweeps):
    """Sweep, and return what each proposal costs as the sweep sees it, in order, (n_chains,) each."""
    costs, accept = [], kernels.accept

    def spy_accept(beta, cost, *rest):
        costs.append(cost.copy())
        accept(beta, cost, *rest)

    def spy(visit, first, last, cost):
        def one_site_at_a_time(states, beta, streams, n_sweeps, q, *model):
            for i in np.tile(np.arange(len(states)), n_sweeps):
                own = [values[i : i + 1] for values in model[first:last]]
                some = states[i : i + 1] if first else states
                visit(some, beta, streams, 1, q, *model[:first], *own, *model[last:])
                costs.append(model[cost].copy())

        return one_site_at_a_time

    visit_four = tile_kernels.visit_by_four_energies

    def spy_four(states, beta, streams, n_sweeps, codes, starts, members, weights, table, present):
        for i in np.tile(np.arange(len(states)), n_sweeps):
            codes_then = starts[i, :, None] + (codes[members[i]] ^ weights[i, :, None])
            costs.append((table[codes_then] - present[members[i]]).sum(axis=0))
            own = [values[i : i + 1] for values in (starts, members, weights)]
            visit_four(states[i : i + 1], beta, streams, 1, codes, *own, table, present)

    # which arguments have a row for each site, and which is the cost
    visits = {"visit_by_differences": (1, 7, 10), "visit_by_energies": (1, 5, 8), "visit_stars": (0, 3, 7)}
    with monkeypatch.context() as patch:
        patch.setattr(kernels, "accept", spy_accept)
        patch.setattr(tile_kernels, "visit_by_four_energies", spy_four)
        for name, arguments in visits.items():
            patch.setattr(tile_kernels, name, spy(getattr(tile_kernels, name), *arguments))
        chains.sweep(energy, n_sweeps)
    return costs


def largest_error(monkeypatch, energy, arrays, tiles):
    """Of the costs of 10^4 proposals, against the whole lattice in float64, in J."""
    n, beta, q, n_sites = 100, np.full(100, 0.3), energy.n_states, energy.lattice.n_sites
    chains, slow = (Chains.start(energy, beta, range(n), 4, Purpose.SWEEP) for _ in range(2))
    costs = recorded(monkeypatch, energy, chains, 100 // n_sites + 1)
    proposal, flip = np.empty(n, np.uint8), np.empty(n, np.bool_)
    present = full(arrays, q, tiles, slow.states)
    worst = 0.0
    for i, cost in zip(np.resize(np.arange(n_sites), len(costs)), costs, strict=True):
        kernels.propose(slow.states, i, slow.streams, q, proposal)
        changed = slow.states.copy()
        changed[i] = proposal
        after = full(arrays, q, tiles, changed)
        worst = max(worst, np.abs(after - present - cost).max())
        kernels.accept(beta.astype(np.float32), cost, slow.streams, flip)
        slow.states[:, flip], present = changed[:, flip], np.where(flip, after, present)
    assert np.array_equal(slow.states, chains.states)
    assert np.mean(np.abs(costs)) > 0.1
    return worst


@cases
def test_costs_are_differences_of_full_energies(monkeypatch, q, shape, focus, context):
    """To 1e-4 J, by tables and by the network."""
    by_table, by_network, arrays, tiles = both(q, shape, focus, context)
    assert largest_error(monkeypatch, by_table, arrays, tiles) < 1e-4
    assert largest_error(monkeypatch, by_network, arrays, tiles) < 1e-4


@pytest.mark.parametrize(
    ("q", "shape", "focus", "context"),
    [
        (2, (4, 4, 4), 1, 1),
        (3, (3, 3, 3), 1, 1),
        (2, (4, 4, 4), 2, 1),
        (3, (6, 6), 2, 1),
        (2, (10, 10), 1, 2),
    ],
)
def test_costs_of_tiles_without_a_table(monkeypatch, q, shape, focus, context):
    """Of 16 to 64 sites."""
    lattice = Lattice(shape)
    tiles = Tiling(lattice, focus, context).sites
    arrays = network(q, tiles.shape[1])
    energy = TileNetworkEnergy(lattice, focus, context, q, arrays, SCALE)
    assert largest_error(monkeypatch, energy, arrays, tiles) < 1e-4


@cases
def test_table_and_network_take_the_same_decisions(q, shape, focus, context):
    """From the same random numbers, up to rounding; energies differ by a constant."""
    by_table, by_network, *_ = both(q, shape, focus, context)
    beta = np.linspace(-0.5, 1.0, 300)
    one, two = (Chains.start(by_table, beta, range(300), 7, Purpose.SWEEP) for _ in range(2))
    for _ in range(3):
        one.sweep(by_table, 2)
        two.sweep(by_network, 2)
    assert (one.states != two.states).any(axis=0).mean() < 0.02
    assert np.array_equal(one.streams, two.streams)
    difference = by_table.energies(one.states) - by_network.energies(one.states)
    assert np.ptp(difference) < 1e-3


@pytest.mark.parametrize("limit", [0, 40_000, tile_tables.MAX_DIFFERENCES, 2**22])
@cases
def test_each_way_of_looking_up_takes_the_same_decisions(monkeypatch, limit, q, shape, focus, context):
    """Kept energies, differences, and merged boxes."""
    usual = both(q, shape, focus, context)[0]
    monkeypatch.setattr(tile_tables, "MAX_DIFFERENCES", limit)
    other = EdnnEnergy(usual.lattice, focus, context, q, usual.tiles.tables[0])
    beta = np.linspace(-0.5, 1.0, 300)
    one, two = (Chains.start(usual, beta, range(300), 8, Purpose.SWEEP) for _ in range(2))
    one.sweep(usual, 5)
    two.sweep(other, 5)
    assert (one.states != two.states).any(axis=0).mean() < 0.02


DISORDERED = pytest.mark.parametrize(
    ("q", "shape", "focus", "context"), [(2, (4, 6), 2, 1), (2, (4, 5), 1, 1), (3, (4, 4), 2, 0)]
)


@DISORDERED
def test_one_table_per_tile(q, shape, focus, context):
    """Energies are direct sums, and sweeps those of networks that differ from tile to tile."""
    lattice = Lattice(shape)
    tiles = Tiling(lattice, focus, context).sites
    n_tiles, sites = tiles.shape
    arrays = network(q, sites, (n_tiles,))
    own = [{name: values[t] for name, values in arrays.items()} for t in range(n_tiles)]
    table = np.stack([tabulate(tile_energies(one, SCALE, q), q, sites) for one in own])
    by_table = EdnnEnergy(lattice, focus, context, q, table)
    by_network = TileNetworkEnergy(lattice, focus, context, q, arrays, SCALE)
    beta = np.linspace(-0.5, 1.0, 200)
    one, two = (Chains.start(by_table, beta, range(200), 7, Purpose.SWEEP) for _ in range(2))
    powers = q ** np.arange(sites - 1, -1, -1)
    direct = sum(table[t, powers @ one.states[tiles[t]]].astype(float) for t in range(n_tiles))
    assert by_table.energies(one.states) == pytest.approx(direct, abs=1e-9)
    difference = by_table.energies(one.states) - by_network.energies(one.states)
    assert np.ptp(difference) < 1e-3
    one.sweep(by_table, 5)
    two.sweep(by_network, 5)
    assert (one.states != two.states).any(axis=0).mean() < 0.02


@pytest.mark.parametrize("per_tile", [False, True])
@pytest.mark.parametrize("kind", ["table", "network"])
@pytest.mark.parametrize(
    ("q", "shape", "focus", "context"), [(2, (2, 4), 2, 0), (2, (3, 3), 1, 1), (3, (3, 2), 1, 0)]
)
def test_stationary_distribution(p_value, q, shape, focus, context, kind, per_tile):
    """Configurations occur with Boltzmann's probability."""
    lattice = Lattice(shape)
    tiles = Tiling(lattice, focus, context).sites
    arrays = network(q, tiles.shape[1], (len(tiles),) if per_tile else (), seed=3)
    if kind == "network":
        energy = TileNetworkEnergy(lattice, focus, context, q, arrays, 1.0)
    else:
        one = [{name: values[t] for name, values in arrays.items()} for t in range(len(tiles) * per_tile)]
        parts = [tile_energies(a, 1.0, q)(all_states(q, tiles.shape[1])) for a in one or [arrays]]
        energy = EdnnEnergy(lattice, focus, context, q, np.array(parts))
    n, n_sites, betas = 5000, lattice.n_sites, (0.4, -0.2)
    chains = Chains.start(energy, np.repeat(betas, n), range(2 * n), 5, Purpose.SWEEP)
    chains.sweep(energy, 40)
    codes = q ** np.arange(n_sites - 1, -1, -1) @ chains.states
    e = full(arrays, q, tiles, all_states(q, n_sites).T) / SCALE
    for beta, of_one in zip(betas, np.split(codes, 2), strict=True):
        weight = np.exp(-beta * (e - e.mean()))
        counts = np.bincount(of_one, minlength=q**n_sites)
        assert 1e-4 < p_value(counts, n * weight / weight.sum()) < 1 - 1e-4


def test_network_chains_do_not_depend_on_their_company():
    """300 chains together are the chains in two groups; no chains and no sweeps change nothing."""
    energy = both(3, (4, 6), 2, 0)[1]
    beta = np.linspace(-0.3, 0.8, 300)
    together = Chains.start(energy, beta, range(300), 9, Purpose.SWEEP)
    together.sweep(energy, 4)
    differing = 0
    for part in (slice(0, 1), slice(1, 300), slice(0, 0)):
        group = Chains.start(energy, beta[part], range(300)[part], 9, Purpose.SWEEP)
        group.sweep(energy, 4)
        assert np.array_equal(group.streams, together.streams[:, part])
        differing += (group.states != together.states[:, part]).any(axis=0).sum()
    assert differing < 5  # rounding in products of other sizes
    before = together.states.copy()
    together.sweep(energy, 0)
    assert np.array_equal(before, together.states)
    assert energy.energies(before[:, :0]).shape == (0,)


def test_reference():
    """The energy that is called zero."""
    _, energy, arrays, _ = both(2, (4, 4), 1, 1)
    shifted = TileNetworkEnergy(energy.lattice, 1, 1, 2, arrays, SCALE, reference=3.5)
    states = all_states(2, 16)[:50].T.copy()
    assert shifted.energies(states) == pytest.approx(energy.energies(states) - 3.5)


@pytest.mark.parametrize("shape", [(511,), (513,), (1, 511), (2, 512), (15, 512), (1, 1, 512), ()])
def test_tables_of_another_shape_are_refused(shape):
    """By name of the shape that is needed."""
    with pytest.raises(ValueError, match=r"need \(512,\), or \(16, 512\)"):
        EdnnEnergy(Lattice((4, 4)), 1, 1, 2, np.zeros(shape))


def test_networks_of_another_shape_are_refused():
    """As are networks for another number of tiles."""
    for arrays in (network(2, 8), network(3, 9), network(2, 9, (15,))):
        with pytest.raises(ValueError, match="16 tiles of 9 sites with 2 states need 9 inputs"):
            TileNetworkEnergy(Lattice((4, 4)), 1, 1, 2, arrays, SCALE)
