"""The strip transfer matrix: symmetries, orientation, low temperatures, limits of memory and work."""

import itertools
import tracemalloc

import numpy as np
import pytest

from dcl_hpc.physics import exact, hamiltonian, strip
from dcl_hpc.physics.lattice import Lattice

CLOCK = hamiltonian.clock(Lattice((2, 2)), 3).pair
# two states that differ: no relabelling leaves this as it is
LATTICE_GAS = np.array([[0.0, 0.0], [0.0, 1.0]])


def disordered(shape, pair=None, seed=3):
    """Gaussian couplings with any pair table (Ising if none is given)."""
    lattice = Lattice(shape)
    couplings = hamiltonian.random_couplings(lattice, "gaussian", np.random.default_rng(seed))
    ising = hamiltonian.ising(lattice, couplings)
    return ising if pair is None else hamiltonian.Hamiltonian(lattice, couplings, pair)


def bimodal(shape, seed=5):
    """A +-J glass."""
    lattice = Lattice(shape)
    random = np.random.default_rng(seed)
    return hamiltonian.ising(lattice, hamiltonian.random_couplings(lattice, "bimodal", random))


def lattice_gas(shape):
    """Uniform couplings between sites in state 1 only."""
    lattice = Lattice(shape)
    return hamiltonian.Hamiltonian(lattice, np.full((lattice.n_sites, 2), 0.8), LATTICE_GAS)


def instance_69():
    """The glass instance published with the paper."""
    lattice = Lattice((8, 8))
    return hamiltonian.ising(lattice, hamiltonian.published_couplings(lattice, 69))


MODELS = {
    "ising 3x3": hamiltonian.ising(Lattice((3, 3))),
    "ising 4x3": hamiltonian.ising(Lattice((4, 3))),
    "ising 4x4": hamiltonian.ising(Lattice((4, 4))),
    "antiferromagnet 3x3": hamiltonian.ising(Lattice((3, 3)), -1.0),
    "antiferromagnet 3x4": hamiltonian.ising(Lattice((3, 4)), -0.7),
    "clock 3x3": hamiltonian.clock(Lattice((3, 3)), 3),
    "clock 3x3 negative": hamiltonian.clock(Lattice((3, 3)), 3, -1.2),
    "clock 3x4": hamiltonian.clock(Lattice((3, 4)), 3),
    "clock Q=4 2x4": hamiltonian.clock(Lattice((2, 4)), 4),
    "clock Q=5 2x3": hamiltonian.clock(Lattice((2, 3)), 5, -0.9),
    "delta Q=4 3x3": hamiltonian.potts(Lattice((3, 3)), 4),
    "delta 3x4 negative": hamiltonian.potts(Lattice((3, 4)), 3, -1.0),
    "lattice gas 3x4": lattice_gas((3, 4)),
    "glass 3x4": disordered((3, 4)),
    "glass 4x3": disordered((4, 3), seed=4),
    "glass 4x4": disordered((4, 4)),
    "clock glass 3x3": disordered((3, 3), CLOCK),
    "clock glass 3x4": disordered((3, 4), CLOCK, 7),
    "delta glass 3x3": disordered((3, 3), np.eye(3)),
    "lattice-gas glass 3x4": disordered((3, 4), LATTICE_GAS),
    "bimodal 4x4": bimodal((4, 4)),
}
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


@pytest.fixture
def without_symmetries(monkeypatch):
    """Make every row configuration a starting row; calling the fixture switches this on."""

    def all_rows(model):
        codes = np.arange(model.n_states ** min(model.lattice.shape))
        return codes, np.ones_like(codes)

    return lambda: monkeypatch.setattr(strip, "starting_rows", all_rows)


def orbits(pair, width, uniform) -> dict[tuple[int, ...], int]:
    """Smallest row of every class of equivalent rows and the size of the class, one row at a time."""
    q = len(pair)
    relabellings = [p for p in itertools.permutations(range(q)) if np.allclose(pair[np.ix_(p, p)], pair)]
    sizes = {}
    for row in itertools.product(range(q), repeat=width):
        turned = [row[k:] + row[:k] for k in range(width)] if uniform else [row]
        turned += [t[::-1] for t in turned] if uniform else []
        smallest = min(tuple(p[state] for state in t) for t in turned for p in relabellings)
        sizes[smallest] = sizes.get(smallest, 0) + 1
    return sizes


@pytest.mark.parametrize("width", [2, 3, 4, 5])
@pytest.mark.parametrize("uniform", [True, False], ids=["uniform", "disordered"])
@pytest.mark.parametrize(
    "pair",
    [np.array([[1.0, -1.0], [-1.0, 1.0]]), CLOCK, np.eye(3), hamiltonian.clock(Lattice((2, 2)), 4).pair,
     np.eye(4), LATTICE_GAS],
    ids=["ising", "clock 3", "delta 3", "clock 4", "delta 4", "lattice gas"],
)  # fmt: skip
def test_starting_rows_are_all_classes_of_equivalent_rows(pair, uniform, width):
    """One row of every class under translations, reflection and relabellings, with the class's size."""
    shape = (width + 1, width)
    model = disordered(shape, pair)
    if uniform:
        model = hamiltonian.Hamiltonian(model.lattice, np.ones_like(model.couplings), pair)
    codes, weights = strip.starting_rows(model)
    rows = codes[:, None] // len(pair) ** np.arange(width - 1, -1, -1) % len(pair)
    found = dict(zip(map(tuple, rows.tolist()), weights.tolist(), strict=True))
    assert found == orbits(pair, width, uniform)
    assert weights.sum() == len(pair) ** width


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (instance_69(), 128),
        (disordered((8, 10)), 128),
        (disordered((10, 8)), 128),
        (lattice_gas((8, 8)), 30),
        (hamiltonian.ising(Lattice((8, 8))), 18),
    ],
    ids=["glass", "glass 8x10", "glass 10x8", "8-bead bracelets", "8-bead bracelets, colours exchangeable"],
)
def test_number_of_starting_rows(model, expected):
    """Half of all rows for a glass; for uniform couplings the bracelets (OEIS A000029, A000011)."""
    codes, weights = strip.starting_rows(model)
    assert len(codes) == expected
    assert weights.sum() == 2**8


@models
@pytest.mark.parametrize("t", [0.5, 2.0])
def test_symmetries_do_not_change_the_result(model, t, without_symmetries):
    """One starting row for each class gives the same as all of them, and both are the enumeration."""
    reduced, lowest = strip.moments(model, t), strip.ground_state_energy(model)
    without_symmetries()
    assert strip.moments(model, t) == pytest.approx(reduced, rel=1e-11, abs=1e-10)
    assert strip.ground_state_energy(model) == pytest.approx(lowest, abs=1e-12)
    solution = exact.enumerate_states(model, t)
    expected = solution.ln_z, solution.energy, solution.variance
    assert reduced == pytest.approx(expected, rel=1e-9, abs=1e-9)
    energies = model.energy(exact.all_states(model.n_states, model.lattice.n_sites))
    assert lowest == pytest.approx(energies.min(), abs=1e-10)


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.n_states == 2])
def test_magnetization_distribution_with_symmetries(name, without_symmetries):
    """Also where one starting row stands for its opposite, and where it does not (lattice gas)."""
    model, t = MODELS[name], 1.3
    states = exact.all_states(2, model.lattice.n_sites)
    energy = model.energy(states)
    weight = np.exp(-(energy - energy.min()) / t)
    expected = np.bincount(states.sum(axis=1), weight / weight.sum(), model.lattice.n_sites + 1)
    assert strip.magnetization_distribution(model, t) == pytest.approx(expected, rel=1e-10, abs=1e-300)
    without_symmetries()
    assert strip.magnetization_distribution(model, t) == pytest.approx(expected, rel=1e-10, abs=1e-300)


def test_magnetization_of_an_8x8_glass():
    """Couplings that hardly differ take the way of a glass and give the result of the ferromagnet."""
    lattice = Lattice((8, 8))
    couplings = 1 + 1e-12 * np.random.default_rng(1).standard_normal((64, 2))
    nearly = exact.magnetization(hamiltonian.ising(lattice, couplings), 2.3)
    assert nearly == pytest.approx(exact.magnetization(hamiltonian.ising(lattice), 2.3), rel=1e-9)
    assert exact.magnetization(disordered((9, 9)), 2.3) is None


@pytest.mark.parametrize("form", [hamiltonian.clock, hamiltonian.potts])
@pytest.mark.parametrize(("rows", "width"), [(6, 6), (7, 4), (5, 6)])
def test_potts_is_a_power_of_the_transfer_matrix(form, rows, width):
    """ln Z = ln tr T^rows and E = -rows tr(T^(rows-1) dT/dbeta)/Z with the whole matrix from row to row."""
    t = 1.6
    model = form(Lattice((rows, width)), 3)
    row = exact.all_states(3, width)
    inside = -model.pair[row, np.roll(row, 1, axis=1)].sum(axis=1)
    between = -model.pair[row[:, None], row[None]].sum(axis=2)
    energy = between + (inside[:, None] + inside) / 2
    matrix = np.exp(-energy / t)
    power = np.linalg.matrix_power(matrix, rows - 1)
    z = (power * matrix.T).sum()
    ln_z, mean, _ = strip.moments(model, t)
    assert ln_z == pytest.approx(np.log(z), rel=1e-12)
    assert mean == pytest.approx(rows * (power * (energy * matrix).T).sum() / z, rel=1e-11)


def test_potts_on_8x8():
    """Energy per site of the clock model, Q = 3, from the eighth power of the 6561 x 6561 matrix."""
    model = hamiltonian.clock(Lattice((8, 8)), 3)
    assert strip.feasible(model)
    solution = exact.solve(model, 4.0)
    assert solution.energy / 64 == pytest.approx(-0.2740341251, abs=1e-9)
    assert solution.ln_z == pytest.approx(72.42582988563, abs=1e-9)


@pytest.mark.parametrize("pair", [None, CLOCK], ids=["ising", "clock"])
def test_the_shorter_side_is_the_width(pair):
    """A glass and its transpose, couplings and all, are one; both are as cheap as the narrow one."""
    tall = disordered((9, 4), pair)
    couplings = tall.couplings.reshape(9, 4, 2).transpose(1, 0, 2)[..., ::-1].reshape(-1, 2)
    wide = hamiltonian.Hamiltonian(Lattice((4, 9)), couplings.copy(), tall.pair)
    configurations = np.random.default_rng(2).integers(0, tall.n_states, (5, 9, 4))
    turned = configurations.swapaxes(1, 2).reshape(5, -1)
    assert wide.energy(turned) == pytest.approx(tall.energy(configurations.reshape(5, -1)))
    for t in (0.3, 2.0):
        assert strip.moments(wide, t) == pytest.approx(strip.moments(tall, t), rel=1e-10)
    assert strip.ground_state_energy(wide) == pytest.approx(strip.ground_state_energy(tall), abs=1e-10)
    assert strip.work(wide) == strip.work(tall)


def test_wide_lattices_are_solved_as_tall_ones():
    """4x16 and 16x4 glasses with the wide axis along either side."""
    for shape in ((4, 16), (16, 4)):
        assert strip.feasible(disordered(shape))
    for shape in ((3, 14), (14, 3)):
        model = hamiltonian.ising(Lattice(shape))
        expected = exact.kaufman(shape, 2.0)
        assert strip.moments(model, 2.0) == pytest.approx(
            (expected.ln_z, expected.energy, expected.variance), rel=1e-9
        )


@pytest.mark.parametrize("t", [0.01, 0.02, 0.1])
@pytest.mark.parametrize("name", ["glass 4x4", "bimodal 4x4", "clock glass 3x4", "antiferromagnet 3x3"])
def test_low_temperatures_are_enumeration(name, t):
    """Weights relative to the lowest energy do not underflow."""
    expected = exact.enumerate_states(MODELS[name], t)
    ln_z, energy, variance = strip.moments(MODELS[name], t)
    assert ln_z == pytest.approx(expected.ln_z, rel=1e-12)
    assert energy == pytest.approx(expected.energy, rel=1e-11)
    assert variance == pytest.approx(expected.variance, rel=1e-6, abs=1e-11)


def test_instance_69_at_low_temperature():
    """From T = 0.05 down the energy falls to that of the ground state, ln Z to ln 2 - E_0/T."""
    model = instance_69()
    lowest = strip.ground_state_energy(model)
    assert lowest == pytest.approx(-93.583809, abs=1e-6)
    above = [strip.moments(model, t)[1] - lowest for t in (0.05, 0.02, 0.01, 0.005)]
    assert above == sorted(above, reverse=True)
    assert above[2] == pytest.approx(0, abs=1e-5)
    for t in (0.005, 1e-3, 1e-5):
        ln_z, energy, variance = strip.moments(model, t)
        assert energy == pytest.approx(lowest, abs=1e-9)
        assert ln_z + lowest / t == pytest.approx(np.log(2), abs=1e-6 + 1e-13 * abs(lowest) / t)
        assert variance == pytest.approx(0, abs=1e-9)


def test_degeneracy_of_a_bimodal_ground_state():
    """At T = 0.05 only ground states count: Z exp(E_0/T) is their number, an even integer."""
    model = bimodal((8, 8))
    lowest = strip.ground_state_energy(model)
    assert lowest % 4 == 0
    ln_z, energy, _ = strip.moments(model, 0.05)
    states = np.exp(ln_z + lowest / 0.05)
    assert energy == pytest.approx(lowest, abs=1e-9)
    assert states == pytest.approx(2 * round(states / 2), rel=1e-9)
    assert states >= 2


def test_magnetization_of_the_ground_state():
    """At T = 0.01 the distribution is that of the two ground states."""
    model = disordered((4, 4))
    states = exact.all_states(2, 16)
    energy = model.energy(states)
    ups = states[energy.argmin()].sum()
    p = strip.magnetization_distribution(model, 0.01)
    assert p[ups] + p[16 - ups] == pytest.approx(1, abs=1e-9)
    mean, chi = exact.magnetization(model, 0.01)
    assert mean == pytest.approx(abs(2 * ups / 16 - 1))
    assert chi == pytest.approx(0, abs=1e-9)


def test_long_strips_do_not_overflow():
    """A strip of 2^2048 configurations at a temperature where most of them count."""
    model = hamiltonian.ising(Lattice((1024, 2)))
    expected = exact.kaufman((1024, 2), 50.0)
    assert strip.moments(model, 50.0) == pytest.approx(
        (expected.ln_z, expected.energy, expected.variance), rel=1e-9
    )


def test_memory_is_bounded_and_the_result_is_not_changed(monkeypatch):
    """Starting rows in small portions take a small part of the memory of all at once."""
    model = instance_69()
    results, peaks = [], []
    for size in (1, 2**14, 2**24):
        monkeypatch.setattr(strip, "CHUNK", size)
        strip.starting_rows(model)  # not to be counted
        tracemalloc.start()
        results.append(strip.moments(model, 0.7))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert results[0] == pytest.approx(results[2], rel=1e-12)
    assert results[1] == pytest.approx(results[2], rel=1e-12)
    assert peaks[0] < peaks[1] < peaks[2] / 4


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (disordered((8, 10)), True),
        (disordered((10, 8)), True),
        (disordered((10, 10)), True),
        (disordered((10, 16)), True),
        (disordered((12, 12)), False),
        (hamiltonian.ising(Lattice((13, 13)), -1.0), True),
        (hamiltonian.clock(Lattice((9, 9)), 3), True),
        (hamiltonian.potts(Lattice((8, 16)), 3, -1.0), True),
        (hamiltonian.clock(Lattice((10, 10)), 3), False),
        (hamiltonian.clock(Lattice((300, 200)), 255), False),
        (hamiltonian.ising(Lattice((3, 3, 3))), False),
        (hamiltonian.ising(Lattice((30,))), False),
    ],
    ids=lambda value: str(value.lattice) if isinstance(value, hamiltonian.Hamiltonian) else str(value),
)
def test_feasible(model, expected):
    """What takes some seconds is done, what takes minutes or memory is not."""
    assert strip.feasible(model) is expected


def planted(lattice, q=2, seed=4, field=True):
    """Random couplings and fields on any square lattice."""
    random = np.random.default_rng(seed)
    couplings = random.normal(size=lattice.forward.shape)
    fields = random.normal(size=(lattice.n_sites, q)) if field else None
    return hamiltonian.Hamiltonian(lattice, couplings, hamiltonian.clock(lattice, q).pair, site_field=fields)


IRREGULAR = [
    planted(Lattice((3, 4), open=(0,))),
    planted(Lattice((3, 4), open=(1,)), field=False),
    planted(Lattice((4, 3), open=(0, 1), absent=(0, 5)), field=False),
    planted(Lattice((4, 4), absent=(0, 1, 6, 15))),
    planted(Lattice((2, 6), absent=(0, 7))),
    planted(Lattice((2, 4), open=(0,)), 3),
    planted(Lattice((3, 3), absent=(4,)), 3, field=False),
    planted(Lattice((3, 4))),
    hamiltonian.ising(Lattice((3, 5), open=(0, 1)), 1.0),
    hamiltonian.ising(Lattice((3, 4), absent=(2, 3)), -0.7),
    hamiltonian.ising(Lattice((3, 4)), 1.0, 0.3),
    hamiltonian.potts(Lattice((2, 3)), 3, 1.0, [0.5, 0, 0]),
]


@pytest.mark.parametrize("model", IRREGULAR)
@pytest.mark.parametrize("t", [0.4, 2.0])
def test_edges_holes_and_fields_are_enumerated(model, t):
    """ln Z, energy, variance, ground state and magnetization are sums over all configurations."""
    expected = exact.enumerate_states(model, t)
    found = strip.moments(model, t)
    assert found == pytest.approx((expected.ln_z, expected.energy, expected.variance), rel=1e-9, abs=1e-9)
    states = exact.all_states(model.n_states, model.lattice.n_sites)
    energy = model.energy(states)
    assert strip.ground_state_energy(model) == pytest.approx(energy.min(), abs=1e-10)
    assert exact.ground_state_energy(model) == pytest.approx(energy.min(), abs=1e-10)
    if model.n_states == 2:
        weight = np.exp((energy.min() - energy) / t)
        p = np.bincount(states.sum(axis=1), weight / weight.sum(), model.lattice.n_sites + 1)
        assert np.abs(strip.magnetization_distribution(model, t) - p).max() < 1e-12


def test_open_strips_may_be_wider():
    """Without bonds from the last row to the first there is one trace, not one for each starting row."""
    open_ends = hamiltonian.ising(Lattice((16, 16), open=(0,)))
    assert strip.feasible(open_ends) and not strip.feasible(hamiltonian.ising(Lattice((16, 16)), 1.0, 0.1))
    assert strip.feasible(hamiltonian.ising(Lattice((30, 12), open=(0,)), 1.0, 0.2))
    # a cylinder: the open axis is the long way, whichever axis is shorter
    one, other = planted(Lattice((5, 7), open=(0,))), planted(Lattice((5, 7), open=(1,)))
    assert strip.work(one) == 2**7 * 2 * 35 and strip.work(other) == 2**5 * 2 * 35
    # free energy of an open chain of rings: the largest eigenvalue of a ring's transfer matrix takes over
    ring = exact.all_states(2, 4) * 2.0 - 1
    across = (ring * np.roll(ring, 1, axis=1)).sum(axis=1)
    matrix = np.exp((ring @ ring.T + (across[:, None] + across) / 2) / 2.5)
    half = np.exp(across / 2 / 2.5)
    expected = np.log(half @ np.linalg.matrix_power(matrix, 19) @ half)
    model = hamiltonian.ising(Lattice((20, 4), open=(0,)))
    assert strip.moments(model, 2.5)[0] == pytest.approx(expected, rel=1e-12)
