"""How the table of stages tells times and rates."""

import pytest

from dcl_hpc.pipeline.status import duration, per_time


@pytest.mark.parametrize(
    ("rate", "told"),
    [(1234.5, "1234/s"), (1, "1/s"), (0.136, "8.16/min"), (0.01, "36/h"), (1e-5, "0.036/h")],
)
def test_slow_work_has_no_rate_of_zeros(rate, told):
    """Per second, minute or hour, so that a number above one is read."""
    assert per_time(rate) == told


def test_durations_are_rounded_to_seconds():
    """Hours, minutes and seconds."""
    assert [duration(t) for t in (0.4, 59.6, 3661)] == ["0:00:00", "0:01:00", "1:01:01"]
