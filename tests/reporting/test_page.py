"""The page shows what the summary says."""

import re

import pytest

from dcl_hpc.reporting import page
from dcl_hpc.reporting.sweeps import warnings

EXCHANGE = {
    "ladder": [1.0, 1.5, 2.0],
    "acceptance": [0.251, 0.749],
    "communication_barrier": 1.0,
    "round_trips": 30,
    "replicas": 6,
    "sweeps": 2000,
}
SAMPLING = {
    "temperature": [0.5, 0.75, 2.0],
    "sweeps": 400,
    "autocorrelation_time": [31.2, 12.0, 0.5],
    "effective_samples": [102.6, 266.7, 6400.0],
    "too_short": [True, True, False],
}


@pytest.fixture
def render():
    """Render a page with these sweeps: `render(SWEEP, SWEEP)`, each (energy, exchange or None)."""

    def run(*sweeps, rnn=None):
        rows = [
            {"energy": energy, "shape": [4, 6], "exchange": exchange, "max_abs_du": None, "t_at_max": None}
            | SAMPLING
            for energy, exchange in sweeps
        ]
        summary = {"name": "a<b", "rnn": rnn, "ednn": None, "direct": None, "sweeps": rows}
        summary |= {"truth": True, "agreement": [], "units": {"energy": "J", "temperature": "J/k_B"}}
        summary["wall_seconds"] = {"observe": 1.5}
        return page.render(summary, [], "text", "origin", 'name = "x"')

    return run


def cells(text: str, title: str) -> list[list[str]]:
    """Cells of the table below a title, row by row."""
    table = text.partition(f"<h2>{title}</h2>")[2].partition("</table>")[0]
    rows = table.partition("<tbody>")[2].split("<tr>")[1:]
    return [re.findall(r"<td>(.*?)</td>", row, re.S) for row in rows]


def test_exchange_is_shown(render):
    """Each sweep with replica exchange has a row: temperatures, acceptance, barrier, round trips."""
    text = render(("true", EXCHANGE), ("rnn", None), ("ednn", EXCHANGE | {"round_trips": 0}))
    assert cells(text, "Replica exchange") == [
        ["true", "4x6", "3", "0.25 to 0.75", "1.00", "2.5"],
        ["EDNN", "4x6", "3", "0.25 to 0.75", "1.00", "0.0"],
    ]


def test_no_exchange_no_table(render):
    """Without replica exchange there is no table of it, and the sweeps are shown all the same."""
    text = render(("true", None), ("ednn", None))
    assert "Replica exchange" not in text
    assert text.count("no exact value") == 2


def test_effective_samples_are_shown(render):
    """Each sweep has a row: its length, the longest 2 tau, the fewest and most effective samples."""
    text = render(("true", None), ("rnn", EXCHANGE))
    row = ["400", "62.4", "103", "0.5", "6400"]
    assert cells(text, "Sampling") == [["true", "4x6", *row], ["RNN", "4x6", *row]]


def test_short_chains_are_told_in_words(render):
    """By temperature, with their length and the time that is too long for it."""
    text = render(("ednn", None))
    assert (
        "ednn 4x6, T = 0.5, 0.75: chains of 400 sweeps are shorter than 50 autocorrelation times "
        "(2 tau = 62): error bars are too small" in text
    )


def test_long_chains_have_no_warning():
    """Nothing is said where nothing is wrong; of an ensemble, in how many realizations something is."""
    long = {"energy": "rnn", "shape": [8, 8], **SAMPLING, "too_short": [False] * 3}
    assert warnings([long]) == []
    several = long | {"too_short": [3, 0, 1], "longest_autocorrelation_time": [40.0, 1.0, 6.0]}
    (text,) = warnings([several], 8)
    assert text.startswith("rnn 8x8, T = 0.5, 2: chains of 400 sweeps")
    assert "(2 tau = 80) in up to 3 of 8 realizations" in text


def test_errors_of_the_test_set_are_shown(render):
    """Values with their standard errors, where there are some."""
    accuracy = {"rmse": 0.4321, "slope": 0.99876, "kl": None}
    known = accuracy | {"rmse_error": 0.0123, "slope_error": 0.00054}
    assert "<td>0.432 &plusmn; 0.012</td><td>0.9988 &plusmn; 0.0005</td>" in render(rnn=known)
    assert "<td>0.432</td>" in render(rnn=accuracy | {"rmse_error": None, "slope_error": None})


def test_texts_are_escaped(render):
    """Names and the job file are text, never markup."""
    text = render(("true", None))
    assert "a&lt;b" in text and "a<b" not in text and "name = &#34;x&#34;" in text
