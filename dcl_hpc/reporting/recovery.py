"""Recovered couplings against true ones: numbers and figure."""

import numpy as np

from .figures import COLOURS, MARKERS, NAMES, STYLE, plt


def coupling_errors(bond: np.ndarray, true: np.ndarray, found: dict) -> dict:
    """How well an energy model knows the couplings.

    Parameters
    ----------
    bond : bool (n,)
        Which pairs the lattice joins.
    true : float (n,)
        In J.
    found : dict
        `value`, `error` (n,) and `field` (n_sites,), in J; `true_field` (n_sites,), 0 if left out.

    Returns
    -------
    dict
        Over bonds: `bonds` (how many), `correlation` (Pearson), `slope` of recovered on true couplings,
        `rmse` and `error` (root mean square of the standard errors), in J. Over other pairs, which have no
        coupling: `others` (how many), `others_rms` and `others_largest`, in J. Over sites: `field_rms`, of
        fields less true ones, in J. None where nothing is defined: couplings that are all the same, no other
        pairs.
    """
    value, centred = found["value"][bond], true[bond] - true[bond].mean()
    others = found["value"][~bond]
    variance = centred @ centred
    result = {"bonds": int(bond.sum()), "correlation": None, "slope": None}
    # couplings that are all the same differ by rounding at most
    if variance > 1e-20 * (true[bond] @ true[bond]):
        spread = value - value.mean()
        result["slope"] = float(centred @ value / variance)
        if spread.any():
            result["correlation"] = float(centred @ spread / np.sqrt(variance * (spread @ spread)))
    return result | {
        "rmse": _rms(value - true[bond]),
        "error": _rms(found["error"][bond]),
        "others": len(others),
        "others_rms": _rms(others) if len(others) else None,
        "others_largest": float(np.abs(others).max()) if len(others) else None,
        "field_rms": _rms(found["field"] - found.get("true_field", 0.0)),
    }


def in_words(found: dict) -> str:
    """The numbers of `coupling_errors` that matter most."""
    rmse = f"RMSE {found['rmse']:.3f} J"
    if found["correlation"] is None:
        return rmse
    return f"correlation {found['correlation']:.4f}, slope {found['slope']:.4f}, {rmse}"


def _rms(x) -> float:
    return float(np.sqrt((x**2).mean()))


def recovered_couplings(bond: np.ndarray, true: np.ndarray, recovered: dict, errors: dict):
    """Recovered against true couplings with the diagonal; pairs without a bond in grey at 0.

    Parameters
    ----------
    bond, true
        As in `coupling_errors`.
    recovered : dict of name to dict of `value` and `error`, in J
    errors : dict of name to the numbers of `coupling_errors`
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(errors), figsize=(3.4 * len(errors), 3.2), squeeze=False)
        for axis, name in zip(axes[0], errors, strict=True):
            found = recovered[name]
            ends = np.array([true[bond].min(), true[bond].max()])
            if not bond.all():
                axis.plot(
                    true[~bond], found["value"][~bond], "_", ms=6, alpha=0.3, color="#999999",
                    rasterized=True, label="not joined",
                )  # fmt: skip
                ends = np.array([min(ends[0], 0), max(ends[1], 0)])
            axis.errorbar(
                true[bond], found["value"][bond], found["error"][bond], fmt=MARKERS[name], ms=3, lw=0,
                elinewidth=0.8, color=COLOURS[name], mfc="none", label="joined in the lattice",
            )  # fmt: skip
            axis.plot(ends, ends, "k-", lw=0.8)
            axis.set_title(f"{NAMES[name]}: RMSE {errors[name]['rmse']:.3f} J", fontsize=9)
            axis.set_xlabel("true coupling / J")
            axis.set_ylabel("recovered coupling / J")
            axis.legend(fontsize=8)
        figure.tight_layout()
    return figure
