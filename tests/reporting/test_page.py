"""The page shows what the summary says."""

import re

import pytest

from dcl_hpc.reporting import page

EXCHANGE = {
    "ladder": [1.0, 1.5, 2.0],
    "acceptance": [0.251, 0.749],
    "communication_barrier": 1.0,
    "round_trips": 30,
    "replicas": 6,
    "sweeps": 2000,
}


@pytest.fixture
def render():
    """Render a page with these sweeps: `render(SWEEP, SWEEP)`, each (energy, exchange or None)."""

    def run(*sweeps):
        rows = [
            {"energy": energy, "shape": [4, 6], "exchange": exchange, "max_abs_du": None, "t_at_max": None}
            for energy, exchange in sweeps
        ]
        summary = {"name": "a<b", "rnn": None, "ednn": None, "direct": None, "sweeps": rows}
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


def test_texts_are_escaped(render):
    """Names and the job file are text, never markup."""
    text = render(("true", None))
    assert "a&lt;b" in text and "a<b" not in text and "name = &#34;x&#34;" in text
