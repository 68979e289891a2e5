"""Numbers of the report from data whose answers are known."""

import numpy as np
import pytest

from dcl_hpc.physics import exact, hamiltonian
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.reporting.tables import energy_errors, exact_table, largest_error, sweep_table

from .series import series

LEVELS = np.repeat(np.arange(-32.0, 33, 4), 200)


def test_a_perfect_model_has_no_errors():
    """A constant means nothing."""
    result = energy_errors(LEVELS + 123.4, LEVELS, 4.0)
    assert result["rmse"] == pytest.approx(0, abs=1e-10)
    assert result["slope"] == pytest.approx(1)
    assert result["bias"] == pytest.approx(np.zeros(17), abs=1e-10)
    assert result["level"] == np.unique(LEVELS).tolist()


def test_a_slope_is_found():
    """E_model = 0.97 E_true has rmse 0.03 sigma(E_true) and a bias that grows with the energy."""
    result = energy_errors(0.97 * LEVELS - 50, LEVELS, 4.0)
    assert result["slope"] == pytest.approx(0.97)
    assert result["rmse"] == pytest.approx(0.03 * LEVELS.std())
    assert result["bias"] == pytest.approx(-0.03 * np.unique(LEVELS), abs=1e-12)
    assert result["spread"] == pytest.approx(np.zeros(17), abs=1e-10)
    assert result["level_rmse"] == pytest.approx(0.03 * np.abs(np.unique(LEVELS)), abs=1e-10)


def test_scatter_is_found():
    """Independent errors of 0.5 J: rmse and every level's spread are 0.5 J, the slope stays 1."""
    noise = 0.5 * np.random.default_rng(2).standard_normal(len(LEVELS))
    result = energy_errors(LEVELS + noise, LEVELS, 4.0)
    assert result["rmse"] == pytest.approx(noise.std(), rel=1e-10)
    assert result["rmse"] == pytest.approx(0.5, rel=0.05)
    assert result["slope"] == pytest.approx(1, abs=4 * 0.5 / LEVELS.std() / np.sqrt(len(LEVELS)))
    assert np.abs(np.array(result["spread"]) - 0.5).max() < 0.5 * 4 / np.sqrt(2 * 200)
    assert np.abs(result["bias"]).max() < 4 * 0.5 / np.sqrt(200)


def test_errors_of_errors_cover_them():
    """RMSE and slope of 200 test sets whose ladders have errors of their own scatter as their errors say."""
    random, ladder = np.random.default_rng(12), np.arange(len(LEVELS)) % 10
    found = []
    for _ in range(200):
        tilt, noise = 0.01 * random.standard_normal(10), random.standard_normal(len(LEVELS))
        found.append(energy_errors((1 + tilt[ladder]) * LEVELS + 0.5 * noise, LEVELS, 4.0, ladder))
    for name in ("rmse", "slope"):
        scatter = np.std([row[name] for row in found])
        assert np.mean([row[f"{name}_error"] for row in found]) == pytest.approx(scatter, rel=0.2)


def test_no_ladders_no_errors():
    """Test sets of one ladder, or of earlier versions, have values without errors."""
    noise = np.random.default_rng(13).standard_normal(len(LEVELS))
    results = [energy_errors(LEVELS + noise, LEVELS, 4.0, x) for x in (None, np.zeros(len(LEVELS), int))]
    assert results[0] == results[1]
    assert results[0]["rmse_error"] is None and results[0]["slope_error"] is None
    assert results[0]["rmse"] == energy_errors(LEVELS + noise, LEVELS, 4.0, LEVELS.astype(int))["rmse"]


def test_level_errors_add_up():
    """Per level rmse^2 = bias^2 + spread^2, and their mean over equal levels is the total rmse^2."""
    noise = np.random.default_rng(3).standard_normal(len(LEVELS)) + 0.01 * LEVELS**2
    result = energy_errors(0.9 * LEVELS + noise, LEVELS, 4.0)
    bias, spread, rmse = (np.array(result[name]) for name in ("bias", "spread", "level_rmse"))
    assert rmse**2 == pytest.approx(bias**2 + spread**2)
    assert (rmse**2).mean() == pytest.approx(result["rmse"] ** 2)


def test_continuous_energies_are_binned():
    """Levels of a glass are bins of the given width, named by the mean energy in them."""
    true = np.random.default_rng(4).uniform(-10, 10, 5000)
    result = energy_errors(true, true, 2.0)
    assert len(result["level"]) == 11
    assert np.abs(np.array(result["level"])[1:-1] - np.arange(-8, 9, 2)).max() < 0.2


def test_the_inputs_are_left_alone():
    """Neither array is changed."""
    model, true = LEVELS * 0.9 + 7, LEVELS.copy()
    energy_errors(model, true, 4.0)
    assert np.array_equal(true, LEVELS)
    assert np.array_equal(model, LEVELS * 0.9 + 7)


def test_sweep_table_of_independent_series():
    """Values and errors of u, m, c and chi of independent gaussian data of known width."""
    temperatures, n_sites, n = [1.0, 2.0, 4.0], 64, 16 * 2000
    table = sweep_table(series(temperatures), n_sites)
    assert table["temperature"] == temperatures
    for k, t in enumerate(temperatures):
        expected = {
            "u": (-100 / n_sites, 5 / n_sites / np.sqrt(n)),
            "m": (0.5, 0.1 / np.sqrt(n)),
            "c": (25 / n_sites / t**2, 25 / n_sites / t**2 * np.sqrt(2 / n)),
            "chi": (0.01 * n_sites / t, 0.01 * n_sites / t * np.sqrt(2 / n)),
        }
        for name, (value, error) in expected.items():
            assert abs(table[name][k] - value) < 4 * error
            assert table[f"{name}_error"][k] == pytest.approx(error, rel=0.3)
        assert table["autocorrelation_time"][k] == pytest.approx(0.5, rel=0.1)


def test_sweep_table_of_correlated_series():
    """With tau = 4.5 the error of the mean is sqrt(2 tau/n) of the spread, three times as large."""
    table = sweep_table(series([2.0, 3.0], steps=5000, rho=0.8), 64)
    n = 16 * 5000
    for k in range(2):
        assert table["autocorrelation_time"][k] == pytest.approx(4.5, rel=0.15)
        expected = 5 / 64 * np.sqrt(9 / n)
        assert table["u_error"][k] == pytest.approx(expected, rel=0.3)
        assert abs(table["u"][k] + 100 / 64) < 4 * expected


def test_errors_shrink_with_the_square_root_of_the_data():
    """Sixteen times as many measurements, a quarter of the error."""
    few = sweep_table(series([2.0, 3.0], steps=500), 64)
    many = sweep_table(series([2.0, 3.0], steps=8000), 64)
    for name in ("u", "m", "c", "chi"):
        ratio = np.mean(many[f"{name}_error"]) / np.mean(few[f"{name}_error"])
        assert ratio == pytest.approx(0.25, rel=0.3)


def test_offset_moves_u_alone():
    """A constant per site is added to u and to nothing else."""
    plain, moved = (sweep_table(series([2.0, 3.0], steps=200), 64, x) for x in (0.0, 1.5))
    assert moved.pop("u") == pytest.approx([u + 1.5 for u in plain.pop("u")])
    assert moved == plain


def test_error_of_the_offset_is_part_of_every_error_of_u():
    """In quadrature, and of nothing else."""
    plain, uncertain = (sweep_table(series([2.0, 3.0], steps=200), 64, 1.5, x) for x in (0.0, 0.003))
    expected = np.hypot(plain.pop("u_error"), 0.003)
    assert uncertain.pop("u_error") == pytest.approx(expected)
    assert uncertain == plain


@pytest.mark.parametrize(("rho", "steps", "short"), [(0.0, 200, False), (0.9, 600, True), (0.9, 4000, False)])
def test_short_chains_are_flagged(rho, steps, short):
    """With 2 tau = (1 + rho)/(1 - rho) chains need 50 and 950 sweeps."""
    table = sweep_table(series([2.0, 3.0], steps=steps, rho=rho), 64)
    assert table["too_short"] == [short, short]
    assert table["sweeps"] == steps


def test_exact_table_of_ising():
    """u, c, m and chi of 4x4 are those of the enumeration."""
    model = hamiltonian.ising(Lattice((4, 4)))
    table = exact_table(model, [2.0, 3.0])
    for k, t in enumerate((2.0, 3.0)):
        solution = exact.enumerate_states(model, t)
        assert table["u"][k] == pytest.approx(solution.energy / 16)
        assert table["c"][k] == pytest.approx(solution.variance / 16 / t**2)
        assert (table["m"][k], table["chi"][k]) == exact.magnetization(model, t)


def test_exact_table_without_a_method():
    """Where nothing is known exactly the table says None."""
    table = exact_table(hamiltonian.ising(Lattice((4, 4, 4))), [2.0, 3.0])
    assert all(values == [None, None] for values in table.values())


def test_exact_table_of_a_wide_lattice():
    """32x32 Ising has u and c by Kaufman, but no distribution of the magnetization."""
    table = exact_table(hamiltonian.ising(Lattice((32, 32))), [2.0])
    assert table["u"][0] == pytest.approx(-1.7455, abs=1e-3)
    assert table["m"] == table["chi"] == [None]


def test_largest_error():
    """Largest |u - exact| of either sign, and where it is."""
    table = {"temperature": [1.0, 2.0, 3.0], "u": [-2.0, -1.7, -0.8]}
    error, temperature = largest_error(table, {"u": [-1.99, -1.5, -0.9]})
    assert error == pytest.approx(0.2)
    assert temperature == 2.0
    assert largest_error(table, {"u": [-1.99, -1.75, -0.4]}) == (pytest.approx(0.4), 3.0)


def test_largest_error_without_a_reference():
    """No exact curve, no error."""
    table = {"temperature": [1.0, 2.0], "u": [-2.0, -1.7]}
    assert largest_error(table, {"u": [-1.99, None]}) == (None, None)
