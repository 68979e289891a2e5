"""Published values to compare with: arXiv:2506.06789 (version 1, 7 June 2025), read off its figures by eye.

Networks of depth 10 that learn the digits 0 and 1, t* = 5e5 steps, T = 1e-5, dt = 1e-2, eta = 1e-3. Values at
ln alpha = ln(M/N) have about two digits; the paper's own error bars are not read off.
"""

from dataclasses import dataclass

SOURCE = "arXiv:2506.06789, read off figures"
DEPTH, STEPS, WAITING = 10, 500_000, 50_000
# ln alpha to which points are told apart in the figures.
RESOLUTION = 0.06

# q_l*, l = 1 ... 9, M = 2000, by ln alpha (N = 40, 20, 10, 5).
OVERLAP = {
    3.9: (0.97, 0.05, 0.02, 0.01, 0.01, 0.02, 0.06, 0.32, 0.86),
    4.6: (1.0, 0.18, 0.03, 0.03, 0.04, 0.06, 0.22, 0.70, 0.95),
    5.3: (1.0, 0.50, 0.09, 0.06, 0.10, 0.33, 0.69, 0.87, 0.98),
    6.0: (1.0, 0.64, 0.09, 0.13, 0.47, 0.78, 0.87, 0.94, 1.0),
}
# Accuracy A* of networks of fixed width N = 10, and of fixed M = 2000, by ln alpha.
ACCURACY_OF_WIDTH_10 = {
    0.0: 0.60, 0.7: 0.73, 1.4: 0.86, 2.1: 0.91, 3.2: 0.955, 3.9: 0.945, 4.6: 0.915, 5.3: 0.885, 6.0: 0.875,
}  # fmt: skip
ACCURACY_OF_2000_IMAGES = {3.9: 0.985, 4.6: 0.95, 5.3: 0.895, 6.0: 0.82}
# log10 E*/E(0), N = 10, by ln alpha.
LOG10_ENERGY_RATIO = {
    0.0: -2.97, 0.7: -2.98, 1.4: -2.88, 2.1: -2.74, 3.2: -2.50, 3.9: -2.23, 4.6: -1.88, 5.3: -1.80,
    6.0: -1.79,
}  # fmt: skip
# Times of the energy at ln alpha = 5.3, in steps: it falls like -ln t between them, then crashes.
REGIMES = (1e3, 1e4)
WIDTH, IMAGES = 10, 2000


@dataclass(frozen=True)
class Values:
    """What is published of one network; None where nothing is.

    Attributes
    ----------
    overlap : tuple of float, optional
        q_l* of l = 1 ... 9.
    accuracy : float, optional
        A*.
    log10_energy_ratio : float, optional
        log10 E*/E(0).
    regimes : tuple of float, optional
        tau_0 and tau_th in steps.
    """

    overlap: tuple[float, ...] | None = None
    accuracy: float | None = None
    log10_energy_ratio: float | None = None
    regimes: tuple[float, float] | None = None


def of(images: int, width: int, depth: int, ln_alpha: float) -> Values:
    """What is published of a network of this depth, with as many images M or of the same width N.

    At M = 2000, N = 10 the accuracies read off two figures differ by 0.01; that for fixed width is given.
    """
    if depth != DEPTH:
        return Values()
    width_10, images_2000 = width == WIDTH, images == IMAGES
    accuracy = _at(ACCURACY_OF_WIDTH_10, ln_alpha) if width_10 else None
    if accuracy is None and images_2000:
        accuracy = _at(ACCURACY_OF_2000_IMAGES, ln_alpha)
    return Values(
        _at(OVERLAP, ln_alpha) if images_2000 else None,
        accuracy,
        _at(LOG10_ENERGY_RATIO, ln_alpha) if width_10 else None,
        REGIMES if images_2000 and width_10 else None,
    )


def _at(table: dict, ln_alpha: float):
    near = min(table, key=lambda x: abs(x - ln_alpha))
    return table[near] if abs(near - ln_alpha) <= RESOLUTION else None
