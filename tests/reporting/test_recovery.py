"""Numbers and figure of recovered couplings, and their way through the file."""

import json

import numpy as np
import pytest

from dcl_hpc.energy.couplings import Recovered
from dcl_hpc.reporting import figures
from dcl_hpc.reporting.recovery import coupling_errors, recovered_couplings
from dcl_hpc.reporting.single import headline
from dcl_hpc.storage.evaluation import coupling_fields, read_couplings
from dcl_hpc.storage.layout import write_file

N = 500
BOND = np.arange(N) % 3 > 0
TRUE = np.where(BOND, np.random.default_rng(1).standard_normal(N), 0.0)


def found(value, error=0.02, field=0.0):
    """A recovered set of couplings."""
    return {"value": np.asarray(value), "error": np.full(N, error), "field": np.full(36, field)}


def test_perfect_couplings():
    """Every error is nothing, correlation and slope are 1, and all numbers can be written as JSON."""
    result = coupling_errors(BOND, TRUE, found(TRUE))
    assert result["correlation"] == pytest.approx(1) and result["slope"] == pytest.approx(1)
    assert (result["bonds"], result["others"]) == (333, 167)
    assert result["rmse"] == result["others_rms"] == result["others_largest"] == result["field_rms"] == 0
    assert result["error"] == pytest.approx(0.02)
    assert json.loads(json.dumps(result)) == result


def test_slope_and_offset():
    """0.9 J + 0.1: the correlation does not see it, slope and RMSE do."""
    result = coupling_errors(BOND, TRUE, found(0.9 * TRUE + 0.1, field=-0.3))
    assert result["correlation"] == pytest.approx(1) and result["slope"] == pytest.approx(0.9)
    assert result["rmse"] == pytest.approx(np.sqrt(((0.1 - 0.1 * TRUE[BOND]) ** 2).mean()))
    assert [result["others_rms"], result["others_largest"]] == pytest.approx([0.1, 0.1])
    assert result["field_rms"] == pytest.approx(0.3)
    true = {"true_field": np.linspace(-1, 1, 36)}
    assert coupling_errors(BOND, TRUE, found(TRUE, field=0.0) | true)["field_rms"] == pytest.approx(
        np.sqrt((true["true_field"] ** 2).mean())
    )


def test_bonds_and_others_are_apart():
    """Noise on bonds is in their numbers alone, one wrong pair without a bond in its own."""
    noise = np.random.default_rng(2).normal(0, 0.5, N)
    value = np.where(BOND, TRUE + noise, 0.0)
    value[0] = -0.7
    assert not BOND[0]
    result = coupling_errors(BOND, TRUE, found(value))
    assert result["rmse"] == pytest.approx(np.sqrt((noise[BOND] ** 2).mean()))
    assert result["correlation"] == pytest.approx(np.corrcoef(TRUE[BOND], value[BOND])[0, 1])
    assert 0.8 < result["correlation"] < 0.95
    assert result["slope"] == pytest.approx(np.polyfit(TRUE[BOND], value[BOND], 1)[0])
    assert result["others_largest"] == pytest.approx(0.7)
    assert result["others_rms"] == pytest.approx(0.7 / np.sqrt(167))


def test_anticorrelated():
    """A wrong sign is told."""
    result = coupling_errors(BOND, TRUE, found(-TRUE))
    assert result["correlation"] == pytest.approx(-1) and result["slope"] == pytest.approx(-1)


@pytest.mark.parametrize("coupling", [1.0, 0.1, -3.7])
def test_equal_couplings(coupling):
    """One coupling everywhere has no correlation and no slope, but errors."""
    true = np.where(BOND, coupling, 0.0)
    result = coupling_errors(BOND, true, found(true + 0.2))
    assert result["correlation"] is None and result["slope"] is None
    assert result["rmse"] == pytest.approx(0.2)


def test_an_energy_that_knows_nothing():
    """The same value everywhere has slope 0 and no correlation."""
    result = coupling_errors(BOND, TRUE, found(np.zeros(N)))
    assert result["correlation"] is None and result["slope"] == 0


def test_no_other_pairs():
    """On a ring of three sites every pair is a bond."""
    result = coupling_errors(np.ones(N, bool), TRUE, found(TRUE))
    assert result["others"] == 0 and result["others_rms"] is None and result["others_largest"] is None


def test_figure():
    """A panel for each energy: bonds with their errors, other pairs at 0, the diagonal."""
    recovered = {"rnn": found(TRUE + 0.1, error=0.3), "ednn": found(0.5 * TRUE)}
    errors = {name: coupling_errors(BOND, TRUE, values) for name, values in recovered.items()}
    figure = recovered_couplings(BOND, TRUE, recovered, errors)
    assert len(figure.axes) == 2
    for axis, name in zip(figure.axes, recovered, strict=True):
        assert figures.NAMES[name] in axis.get_title() and f"{errors[name]['rmse']:.3f} J" in axis.get_title()
        (bars,) = axis.containers
        points = bars.lines[0].get_xydata()
        assert np.array_equal(points, np.stack([TRUE, recovered[name]["value"]], axis=1)[BOND])
        lengths = np.diff([s[:, 1] for s in bars.lines[2][0].get_segments()])[:, 0]
        assert lengths == pytest.approx(2 * recovered[name]["error"][BOND])
        drawn = [line.get_xydata() for line in axis.lines]
        assert any(len(xy) == 167 and not xy[:, 0].any() for xy in drawn)
        assert any(xy.shape == (2, 2) and np.array_equal(xy[:, 0], xy[:, 1]) for xy in drawn)
    figures.plt.close(figure)


def test_figure_without_other_pairs():
    """Where every pair is a bond nothing is grey."""
    every = np.ones(N, bool)
    recovered = {"ednn": found(TRUE)}
    figure = recovered_couplings(every, TRUE, recovered, {"ednn": coupling_errors(every, TRUE, found(TRUE))})
    (axis,) = figure.axes
    assert len(axis.get_legend().get_texts()) == 1
    figures.plt.close(figure)


def test_through_the_file(tmp_path):
    """What is written is read; a file without couplings has none."""
    pairs = np.array([[0, 1], [0, 2], [3, 1]], np.int32)
    bond, true = np.array([True, False, True]), np.array([0.5, 0.0, -2.0])
    recovered = {
        name: Recovered(true + shift, np.full(3, 0.1), np.full(4, shift), np.full(4, 0.2))
        for name, shift in (("rnn", 0.25), ("ednn", -1.0))
    }
    field = np.array([0.1, 0.0, -0.4, 0.0])
    layout = coupling_fields(pairs, bond, (true, field), recovered)
    assert {"couplings/pairs", "couplings/true", "couplings/bond", "couplings/rnn/value"} <= layout.keys()
    write_file(tmp_path / "with.h5", layout, {}, total=1)
    write_file(tmp_path / "without.h5", {}, {}, total=1)
    result = read_couplings(tmp_path / "with.h5")
    assert np.array_equal(result["pairs"], pairs) and np.array_equal(result["true"], true)
    assert result["bond"].dtype == bool and np.array_equal(result["bond"], bond)
    assert result["recovered"].keys() == recovered.keys()
    for name, values in recovered.items():
        assert result["recovered"][name].keys() == {"value", "error", "field", "field_error", "true_field"}
        assert np.array_equal(result["recovered"][name].pop("true_field"), field)
        for what, data in result["recovered"][name].items():
            assert np.array_equal(data, getattr(values, what))
    assert read_couplings(tmp_path / "without.h5") is None


def test_headline():
    """A line for each energy; where couplings are all the same only the RMSE."""
    numbers = {"correlation": 0.99871, "slope": 1.0021, "rmse": 0.0234}
    equal = {"correlation": None, "slope": None, "rmse": 0.5}
    summary = {"rnn": None, "ednn": None, "direct": None, "sweeps": [], "agreement": [], "truth": True}
    summary["units"] = {"energy": "J", "temperature": "J/k_B"}
    lines = headline(summary | {"couplings": {"rnn": numbers, "ednn": equal}}).splitlines()
    assert lines == [
        "  RNN   couplings recovered: correlation 0.9987, slope 1.0021, RMSE 0.023 J",
        "  EDNN  couplings recovered: RMSE 0.500 J",
    ]
    assert headline(summary | {"couplings": None}) == ""
