"""Figures of which no number is finite."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from dcl_hpc.reporting import page


@pytest.mark.parametrize(("values", "said"), [([np.nan, np.inf], True), ([np.nan, 1.0], False), ([], False)])
def test_a_figure_without_numbers_says_so(tmp_path, values, said):
    """It does so in each panel whose curves have none, whatever lines mark temperatures there."""
    figure = Figure()
    axis = figure.add_subplot()
    axis.plot(range(len(values)), values)
    axis.axvline(2.0)
    page.save(tmp_path / "figure.png", "", "", figure)
    assert (page.FAILED in [text.get_text() for text in axis.texts]) == said
