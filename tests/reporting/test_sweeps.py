"""What the page and the command say of sweeps."""

import pytest

from dcl_hpc.reporting.sweeps import peak, rounded


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.6442, 0.0041, "1.6442(41)"),
        (1.6442, 0.038, "1.644(38)"),
        (12.3, 2.6, "12.3(26)"),
        (123.4, 26.0, "123(26)"),
    ],
)
def test_rounded(value, error, text):
    """Two digits of the error, and as many places of the value."""
    assert rounded(value, error) == text


def test_peaks():
    """With all errors together; at an end of the temperatures there is none, whatever the curve has there."""
    sweep = {"c_peak": [1.6442, 1.6487], "temperature": [1.4, 1.6, 1.8]}
    assert peak(sweep) == ("1.6487", "1.644")
    sweep |= {
        "c_peak_error": [0.003, 0.006],
        "c_peak_data_error": [0.004, 0.008],
        "c_peak_training_error": None,
    }
    assert peak(sweep) == ("1.649(10)", "1.6442(50)")
    for end, side in ((1.4, "lowest"), (1.8, "highest")):
        height, t = peak({"c_peak": [end, 1.2], "temperature": [1.4, 1.6, 1.8]})
        assert "still rising" in height and t == f"{end:g}, the {side}"
    assert peak({"c_peak": None}) == ("temperatures too far apart", "")
