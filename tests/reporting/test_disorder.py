"""Averages over realizations against brute force and known distributions."""

import json

import numpy as np
import pytest

from dcl_hpc.reporting.disorder import FEWEST, average, binder, deviations, overlaps, relative

RANDOM = np.random.default_rng(1)


def test_mean_and_standard_error():
    """The error of a mean is the spread over the square root of the number."""
    x = RANDOM.normal(3, 2, (12, 4))
    found = average(x)
    assert found["value"] == pytest.approx(x.mean(axis=0))
    assert found["error"] == pytest.approx(x.std(axis=0, ddof=1) / np.sqrt(12))
    low, high = (np.array(found[side]) for side in ("low", "high"))
    assert (low < found["value"]).all() and (found["value"] < high).all()


@pytest.mark.parametrize("shape", [(), (3,), (3, 5)])
def test_shapes(shape):
    """Results have the shape of one realization's data, a single number is none of a list."""
    found = average(RANDOM.normal(size=(6, *shape)))
    for numbers in found.values():
        assert np.array(numbers, float).shape == shape
    assert shape or isinstance(found["value"], float)


@pytest.mark.parametrize("n", [1, 2, FEWEST - 1, FEWEST])
def test_few_realizations(n):
    """One realization has no error, few have no confidence interval, and all of it fits into JSON."""
    x = RANDOM.normal(size=(n, 2))
    found = average(x)
    assert found["value"] == pytest.approx(x.mean(axis=0))
    assert (found["error"] == [None, None]) == (n == 1)
    assert (found["low"] == found["high"] == [None, None]) == (n < FEWEST)
    if n == 2:
        assert found["error"] == pytest.approx(np.abs(x[0] - x[1]) / 2)
    json.dumps(found, allow_nan=False)


def test_interval_of_a_mean_covers():
    """Of 400 averages over 10 normal numbers 95 % of the intervals hold the true mean."""
    found = average(np.random.default_rng(2).normal(1.5, 0.3, (10, 400)))
    holds = (np.array(found["low"]) <= 1.5) & (np.array(found["high"]) >= 1.5)
    assert 0.91 < holds.mean() < 0.98
    above = (np.array(found["low"]) > 1.5).mean()
    assert 0.005 < above < 0.05


def test_interval_of_a_ratio_covers():
    """The same for a function of two averages that belong together."""
    random = np.random.default_rng(3)
    q2 = random.uniform(0.2, 0.6, (30, 400))
    found = average(q2, 2 * q2**2, function=binder)
    true = (3 - 2 * (0.16 + 0.4**2 / 12) / 0.16) / 2
    holds = (np.array(found["low"]) <= true) & (np.array(found["high"]) >= true)
    assert 0.9 < holds.mean() < 0.98


def test_interval_of_many_is_normal():
    """Of a thousand realizations the interval is 1.96 standard errors on either side."""
    found = average(np.random.default_rng(4).exponential(1.0, (1000, 3)))
    for side, sign in (("low", -1), ("high", 1)):
        distance = sign * (np.array(found[side]) - found["value"])
        assert distance == pytest.approx(1.96 * np.array(found["error"]), rel=0.12)


def test_intervals_are_reproducible_and_independent_of_company():
    """The same numbers give the same interval, whatever other columns are there."""
    x = RANDOM.normal(size=(9, 3))
    assert average(x) == average(x)
    for name, numbers in average(x).items():  # rounding decides which resamples are equal to the data
        assert numbers[1] == pytest.approx(average(x[:, 1])[name], abs=0.01 * x[:, 1].std())


def test_equal_numbers_have_no_width():
    """Realizations that agree give an interval of no width, next to others that do not."""
    x = RANDOM.normal(size=(8, 2))
    x[:, 0] = 0.25
    found = average(x)
    assert found["value"][0] == found["low"][0] == found["high"][0] == 0.25 and found["error"][0] == 0
    assert found["low"][1] < found["high"][1]


def test_what_is_not_known_stays_unknown():
    """One realization without a value: there is no average, and others are as before."""
    found = average([[1.0, None], [2.0, 5.0], [3.0, 6.0], [4.0, 6.0], [5.0, 9.0]])
    assert [numbers[1] for numbers in found.values()] == [None] * 4
    assert found["value"][0] == 3 and found["low"][0] < 3 < found["high"][0]
    assert average([None] * 6) == {"value": None, "error": None, "low": None, "high": None}


def test_binder_is_the_ratio_of_averages():
    """[<q^4>]/[<q^2>]^2 and not the average of ratios; its error leaves out one realization at a time."""
    q2 = np.array([0.1, 0.3, 0.8, 0.5])
    q4 = q2**2 * np.array([1.2, 2.8, 1.1, 2.0])
    found = average(q2, q4, function=binder)
    expected = (3 - q4.mean() / q2.mean() ** 2) / 2
    assert found["value"] == pytest.approx(expected)
    assert abs(expected - ((3 - q4 / q2**2) / 2).mean()) > 0.1
    others = [np.delete(np.arange(4), k) for k in range(4)]
    left_out = np.array([(3 - q4[rest].mean() / q2[rest].mean() ** 2) / 2 for rest in others])
    assert found["error"] == pytest.approx(np.sqrt(3 / 4 * ((left_out - left_out.mean()) ** 2).sum()))


def test_binder_of_known_distributions():
    """1 where |q| is always the same, 0 for a Gaussian."""
    assert binder(np.array(0.49), np.array(0.49**2)) == pytest.approx(1)
    assert binder(np.array(0.2), np.array(3 * 0.04)) == pytest.approx(0)


def test_overlaps_are_averaged():
    """Tables of realizations become one: means, and the Binder parameter of averages."""
    tables = [
        {
            "temperature": [1.0, 2.0],
            "q": [-1.0, 0.0, 1.0],
            **{name: RANDOM.uniform(0.1, 0.9, 2).tolist() for name in ("abs_q", "q2", "q4", "binder")},
            "distribution": RANDOM.uniform(0, 1, (2, 3)).tolist(),
        }
        for _ in range(5)
    ]
    found = overlaps(tables)
    assert found["temperature"] == [1.0, 2.0] and found["q"] == [-1.0, 0.0, 1.0]
    column = {name: np.array([table[name] for table in tables]) for name in tables[0]}
    for name in ("abs_q", "q2", "q4", "distribution"):
        assert np.array(found[name]["value"]) == pytest.approx(column[name].mean(axis=0))
    q2, q4 = column["q2"].mean(axis=0), column["q4"].mean(axis=0)
    assert found["binder"]["value"] == pytest.approx((3 - q4 / q2**2) / 2)


def test_deviations():
    """Mean, root mean square and largest of u - u_exact over realizations, also in percent of |u_exact|."""
    exact = -RANDOM.uniform(0.5, 1.5, (7, 3))
    u = exact + RANDOM.normal(0, 0.01, (7, 3))
    found, difference = deviations(u.tolist(), exact.tolist()), u - exact
    assert np.array(found["each"]) == pytest.approx(difference)
    assert found["largest_of"] == np.abs(difference).argmax(axis=0).tolist()
    percent = 100 * difference / -exact
    assert relative(u, exact) == pytest.approx(percent)
    for row, values in ((found, difference), (found["percent"], percent)):
        assert row["mean"]["value"] == pytest.approx(values.mean(axis=0))
        assert row["mean"]["error"] == pytest.approx(values.std(axis=0, ddof=1) / np.sqrt(7))
        assert row["rms"]["value"] == pytest.approx(np.sqrt((values**2).mean(axis=0)))
        assert (np.array(row["rms"]["low"]) < row["rms"]["value"]).all()
        assert row["largest"] == pytest.approx(np.abs(values).max(axis=0))
    json.dumps(found, allow_nan=False)


def test_deviations_without_exact_values():
    """Where nothing is known exactly there are no deviations."""
    assert deviations([[-1.0, -0.5]], [[None, None]]) is None
