"""What the page says of the test whether a learned energy explains the snapshots."""

from dataclasses import replace

import numpy as np
import pytest

from dcl_hpc.reporting import explanation, page
from dcl_hpc.reporting.figures import plt
from dcl_hpc.storage.checks import BINS, Check

NAMES = ["magnetization", "correlation at distance 1", "correlation at distance 2"]
NAMES += ["structure factor at k = 0", "product of plaquettes", "correlation across the edges of axis 0"]
NAMES += ["fluctuation of the energy"]
NUMBERS = {
    "p": 0.34, "components": 6, "snapshots": 20_000, "data_tau": 0.5, "model_samples": 100_000,
    "learning": True, "lost": False, "source": "", "stuck": False,
}  # fmt: skip


@pytest.fixture
def check():
    """A test whose differences are given in standard errors: `check(p, 0, 5, ...)`, one z an observable."""

    def make(p, *z, **numbers):
        z = np.array([*z, *[0.0] * (len(NAMES) - len(z))])
        density = {"edges": np.linspace(-2, 0, BINS + 1), "data": np.ones(BINS), "model": np.ones(BINS)}
        sides = 0.3 + 0.001 * z, np.full(len(z), 0.001), np.full(len(z), 0.3), np.zeros(len(z))
        return Check("ednn", 4.0, NAMES, [1.0, 2.0], *sides, z, NUMBERS | {"p": p} | numbers, density)

    return make


def test_sentences(check):
    """Yes with its probability; no with what differs, on which side, and why."""
    yes = explanation.sentence(check(0.34, 1.0), [])
    assert yes == "The energy by the EDNN explains the snapshots held out (p = 0.34, 20,000 of them)."
    between = explanation.sentence(check(0.01, 1.0), [])
    assert "is open (p = 0.01, 20,000 of them): chance alone is as far off once in 100 times" in between
    weak = explanation.sentence(check(1e-9, 0, 6.1, 4.0), [])
    assert weak.endswith("snapshots that are not all of one temperature, or not in equilibrium.")
    assert (
        "does not explain" in weak
        and "its correlation at distance 1 is 6.1 standard errors too small" in weak
    )
    assert "reach farther" in weak and "all too weak" in weak and "field" not in weak
    assert "all too strong" in explanation.sentence(check(1e-9, 0, -6.0), [])
    alone, both = (explanation.sentence(check(1e-9, -9.0, 0, 0, z), []) for z in (0, -5.0))
    assert "a field" in alone and "one phase only" in alone and "one phase only" not in both
    assert "several temperatures" in explanation.sentence(check(1e-9, 0, 0, 0, 0, 0, 0, 8.0), [])
    assert "round a loop" in explanation.sentence(check(1e-9, 0, 0, 0, 0, 7.0), [])
    assert "open, not periodic" in explanation.sentence(check(0.0, 0, 0, 0, 0, 0, -40.0), [])
    other = explanation.sentence(replace(check(1e-9, 4.0, source="/x/cold.npy"), temperature=2.5), ["w"])
    assert "the snapshots of cold.npy at T = 2.5" in other and "(1 warnings)" in other


def test_page_and_figure(check):
    """The sentence, a row for each observable, warnings, and a figure of three panels."""
    found = check(1e-9, 0, 6.1)
    summary = {"name": "a", "rnn": None, "ednn": None, "direct": None, "sweeps": [], "wall_seconds": {}}
    summary |= {"explanation": [explanation.summarized(found, [])], "diagnosis": ["edges <look> open"]}
    summary |= {"truth": False, "agreement": [], "units": {"energy": "J", "temperature": "J/k_B"}}
    text = page.render(summary, [], "text", "origin", "")
    assert "edges &lt;look&gt; open" in text and "Does the EDNN explain the snapshots?" in text
    assert "<td>0.30610 &plusmn; 0.00100</td>" in text and "<td>+6.1</td>" in text
    assert summary["explanation"][0]["explains"] is False
    assert summary["explanation"][0]["worth"] is None and "are worth some" not in text
    summary["explanation"] = [explanation.summarized(check(0.5, data_tau=10.0), [])]
    assert "they are worth some 1000 independent ones" in page.render(summary, [], "text", "origin", "")
    drawn = explanation.figure(found)
    assert len(drawn.axes) == 3
    plt.close(drawn)
