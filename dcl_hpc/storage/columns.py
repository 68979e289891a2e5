"""Columns of numbers in a file for other programs: NumPy, HDF5 or CSV."""

from pathlib import Path

import numpy as np

from .documents import beside
from .layout import array_field, write_file

KINDS = (".npy", ".h5", ".hdf5", ".csv")


def write_columns(
    path: Path, columns: dict[str, np.ndarray], about: dict[str, str], attributes: dict
) -> None:
    """Write columns of equal length, in one piece; a file that is there is replaced.

    NumPy has a structured array with the columns' names; CSV has a line for each row, the names first, and
    before them what the file is in lines that begin with #.

    Parameters
    ----------
    path : Path
        Its ending is one of `KINDS`.
    columns : dict of str to ndarray of float64, shape (n,)
    about : dict of str to str
        What each column is, with its unit.
    attributes : dict of str to str
        What the file is.

    Raises
    ------
    UserError
        If it cannot be written.
    """
    if path.suffix in (".h5", ".hdf5"):
        layout = {name: array_field(values, ("sample",), about[name]) for name, values in columns.items()}
        write_file(path, layout, attributes, total=1, done=1)
        return
    table = np.array(list(zip(*columns.values(), strict=True)), [(name, np.float64) for name in columns])
    with beside(path) as temporary, open(temporary, "wb") as file:
        if path.suffix == ".npy":
            np.save(file, table)
        else:
            said = [f"# {key}: {value}" for key, value in attributes.items() if "\n" not in value]
            said += [f"# {name}: {text}" for name, text in about.items()]
            header = "\n".join([*said, ",".join(columns)])
            np.savetxt(file, table, fmt="%.17g", delimiter=",", header=header, comments="", encoding="utf-8")
