"""Convert configurations of other programs to an array (n, *lattice) that `observe --from` takes.

    python examples/foreign_data.py data.h5 snapshots.npy --temperature 2.5

Three layouts that are often met; change the lines of yours. Integer arrays in .npy, .npz, HDF5 or plain text,
one configuration a line, need no conversion.
"""

import argparse
import csv
import json

import h5py
import numpy as np


def from_json(path, temperature):
    """A list of records, each with its temperature and one configuration as nested lists."""
    with open(path, encoding="utf-8") as file:
        records = json.load(file)
    return np.array([row["configuration"] for row in records if np.isclose(row["temperature"], temperature)])


def from_csv(path, temperature):
    """A line for each spin of a square lattice, with the columns temperature, sample, y, x, spin."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if np.isclose(float(row["temperature"]), temperature)]
    place = tuple(np.array([int(row[name]) for row in rows], int) for name in ("sample", "y", "x"))
    # 0 is no spin: gaps are refused with the snapshots
    states = np.zeros([axis.max(initial=-1) + 1 for axis in place], np.int8)
    states[place] = [int(row["spin"]) for row in rows]
    return states


def from_hdf5(path, temperature):
    """All temperatures in one file: `configurations` (n, *lattice) and beside it `temperature` (n,)."""
    with h5py.File(path, "r") as file:
        return file["configurations"][np.isclose(file["temperature"][()], temperature)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", help="file to read, .json, .csv or .h5")
    parser.add_argument("snapshots", help=".npy file to write")
    parser.add_argument("--temperature", type=float, required=True, help="take those at this temperature")
    options = parser.parse_args()
    read = {"json": from_json, "csv": from_csv, "h5": from_hdf5}[options.data.rpartition(".")[2]]
    states = read(options.data, options.temperature)
    if not len(states):
        parser.exit(2, f"{options.data} has no configurations at T = {options.temperature}\n")
    np.save(options.snapshots, states.astype(np.int8))
    print(f"{options.snapshots}: {len(states)} configurations of {'x'.join(map(str, states.shape[1:]))}")
