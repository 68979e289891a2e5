"""Kills at random moments lose nothing that was committed."""

import json
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "kill_safety.py"


@pytest.mark.mpi
def test_kills_at_random_moments_lose_nothing(python):
    """A short version of the benchmark: four kills of observations and sweeps on two ranks."""
    done = python(SCRIPT, "--times", 4, "--ranks", 2, "--seed", 3, "--json", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["kills"] == sum(result["moments"].values()) == 4
    assert result["losses"] == 0 and result["completions"] >= 4
