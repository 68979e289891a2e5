"""Recovered couplings and the tables of direct estimates in the file of the evaluation."""

import json

import h5py
import numpy as np

from ..errors import UserError
from ..physics.tiles import box
from .layout import Field, array_field
from .reading import reading

GROUP = "couplings"
TABLE = "direct/{}/table"


def plain(energy: str) -> str:
    """Name of a network's energy as it was trained, beside its calibrated one."""
    return f"{energy}_as_trained"


def coupling_fields(pairs, bond, true, recovered: dict) -> dict[str, Field]:
    """Data sets of recovered couplings.

    Parameters
    ----------
    pairs : int (n, 2)
    bond : bool (n,)
    true : tuple of float64 (n,) and float64 (n_sites,), optional
        True couplings and fields in J, where they are known.
    recovered : dict of name to `energy.couplings.Recovered`
    """
    fields = {
        "pairs": array_field(pairs, ("pair", "site"), "two sites in raster order"),
        "bond": array_field(bond, ("pair",), "whether the lattice joins the sites"),
    }
    if true:
        known = "true coupling, J; bonds between the same two sites add up"
        fields["true"] = array_field(true[0], ("pair",), known)
        fields["true_field"] = array_field(true[1], ("site",), "true field, J")
    about = {
        "value": (("pair",), "coupling by {}, J"),
        "error": (("pair",), "standard error of the coupling by {}, J"),
        "field": (("site",), "field by {}, J"),
        "field_error": (("site",), "standard error of the field by {}, J"),
    }
    for name, found in recovered.items():
        for what, (axes, text) in about.items():
            fields[f"{name}/{what}"] = array_field(getattr(found, what), axes, text.format(name))
    return {f"{GROUP}/{name}": field for name, field in fields.items()}


def read_couplings(path) -> dict | None:
    """Couplings that an evaluation recovered; None if there are none.

    Returns
    -------
    dict or None
        `pairs` int32 (n, 2), `bond` bool (n,), `true` float64 (n,) in J, nan where it is not known, and
        `recovered`: for each energy a dict of `value`, `error` (n,), `field`, `field_error`, `true_field`
        (n_sites,), all in J.
    """
    with reading(path) as file:
        if GROUP not in file:
            return None
        group = file[GROUP]
        result: dict = {name: group[name][()] for name in ("pairs", "bond")}
        result["true"] = group["true"][()] if "true" in group else np.full(len(result["pairs"]), np.nan)
        field = group["true_field"][()] if "true_field" in group else 0.0  # older files have none
        result["recovered"] = {
            name: {what: data[()] for what, data in item.items()}
            | {"true_field": np.broadcast_to(field, item["field"].shape)}
            for name, item in group.items()
            if isinstance(item, h5py.Group)
        }
        return result


def table_fields(tables: dict[str, np.ndarray]) -> dict[str, Field]:
    """Data sets of direct estimates: for each the energy of every state of a tile, in J."""
    about = "energy of every state of a tile, J; tiles at every site, their first site the leading digit"
    return {
        TABLE.format(name): array_field(table.astype(np.float32), ("state",), about)
        for name, table in tables.items()
    }


def read_table(path, name: str, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Tile energies of a direct estimate.

    Returns
    -------
    table : float32 (n_states ** n_places,)
        In J.
    offsets : int64 (n_places, dimension)
        Of a tile's sites.

    Raises
    ------
    UserError
        If the file has no table of that name.
    """
    with reading(path) as file:
        if TABLE.format(name) not in file:
            raise UserError(f"{path} does not hold the energy by {name!r}; move it away and evaluate again")
        table = file[TABLE.format(name)][()]
        if "direct_offsets" in file.attrs:
            return table, np.array(json.loads(file.attrs["direct_offsets"])[name])
        side = json.loads(file.attrs["direct_sides"])[name]  # earlier versions had boxes only
        return table, box(dimension, side, 0)
