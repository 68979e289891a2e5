"""Where predictions rest on the form of the law, in words and as a shade."""

import matplotlib.pyplot as plt
import pytest

from dcl_hpc.reporting.novelty import caption, sentences, shade

SWEEP = {
    "energy": "ednn",
    "shape": [8, 8],
    "boundary": None,
    "temperature": [0.5, 1.0, 2.0, 4.0],
    "rare_share": [0.3, 0.02, 0.009, 0.0],
    "rare_share_error": [0.05, 0.005, 0.004, 0.001],
    "outside_share": [1.0, 0.4, 0.0, 0.0],
    "rare_tile": {"sites": [[0, 0], [0, 1]], "tiles": 1024},
}
COVERED = SWEEP | {"rare_share": [0.0] * 4, "outside_share": [0.0] * 4}
NOTHING = SWEEP | dict.fromkeys(("rare_share", "outside_share", "rare_tile")) | {"energy": "true"}


def test_sentences():
    """One for each thing that is true, with all sweeps of which it is."""
    assert sentences([NOTHING]) == []
    first, beyond = sentences([SWEEP, NOTHING, SWEEP | {"shape": [16, 16]}])
    assert first == (
        "EDNN, 8x8; EDNN, 16x16: up to T = 1 more than 1% of the tiles (2 sites) are in states seen fewer "
        "than 100 times: there the answer rests on the form of the law"
    )
    assert beyond.startswith(
        "EDNN, 8x8; EDNN, 16x16: up to T = 0.5 most configurations are, as a whole, beyond"
    )
    (covered,) = sentences([COVERED])
    assert covered == "EDNN, 8x8: at all temperatures nearly all tiles are in states seen 100 times and more"
    assert sentences([SWEEP | {"energy": "rnn"}])[1].endswith("this energy knows whole ones only")


def test_few_tiles_tell_nothing():
    """With 60 of them none in a rare state is no evidence of fewer than one in 100, nor is one of more."""
    few = COVERED | {"rare_tile": SWEEP["rare_tile"] | {"tiles": 60}}
    few |= {"rare_share": [1 / 60, 0, 0, 0], "rare_share_error": [1 / 60] * 4}
    (text,) = sentences([few])
    assert "60 tiles at each temperature are too few" in text and "raise sweep.ladders" in text


def test_shade():
    """From half way to the next temperature, once in the legend; none where all is covered or unknown."""
    figure, axis = plt.subplots()
    shade(axis, [SWEEP, COVERED, NOTHING], {"ednn": "b"})
    spans = [patch.get_extents().transformed(axis.transData.inverted()) for patch in axis.patches]
    assert [(span.x0, span.x1) for span in spans] == [pytest.approx((0.5, 0.75)), pytest.approx((0.75, 1.5))]
    assert axis.get_legend_handles_labels()[1] == ["EDNN: rests on the law's form"]
    plt.close(figure)
    assert "Shade: more than 1%" in caption([COVERED, SWEEP]) and caption([COVERED, NOTHING]) == ""
