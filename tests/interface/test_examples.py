"""Examples run as they are."""

import csv
import json
import re
from pathlib import Path

import h5py
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import dcl_hpc

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_notebook(tmp_path):
    """From snapshots to a figure, in a folder of its own; the interaction and the ground state are right."""
    book = nbformat.read(EXAMPLES / "snapshots.ipynb", as_version=4)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells)
    to_figure = "\n".join(cell.source for cell in cells[1:3])
    assert sum(bool(line.strip()) for line in to_figure.splitlines()) < 20
    NotebookClient(book, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in cells for output in cell.outputs]
    text = "\n".join(output.data["text/plain"] for output in outputs if "data" in output)
    assert "1 interactions by ednn" in text
    found = re.search(r"\+(\d\.\d+) \+- (\d\.\d+) J  2 x \[\(0,0\) \(1,0\)\]", text)
    coupling, error = float(found[1]), float(found[2])
    assert error < 0.02 and abs(coupling - 1) < 4 * error
    ground = float(re.search(r"array\((-\d+\.\d+)\)", text)[1])
    assert ground == pytest.approx(-2048 * coupling, rel=1e-5)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 1
    assert [output for output in outputs if output.output_type == "stream"] == []


@pytest.mark.parametrize("kind", ["json", "csv", "h5"])
def test_foreign_data(python, tmp_path, kind):
    """Spins of one temperature among several come out as they went in, and are taken as snapshots."""
    random = np.random.default_rng(2)
    spins, temperature = random.choice([-1, 1], (40, 4, 6)), np.repeat([2.5, 3.0], 20)
    path, out = tmp_path / f"data.{kind}", tmp_path / "snapshots.npy"
    if kind == "json":
        rows = zip(temperature.tolist(), spins.tolist(), strict=True)
        path.write_text(json.dumps([{"temperature": t, "configuration": one} for t, one in rows]))
    elif kind == "csv":
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["temperature", "sample", "y", "x", "spin"])
            for k, y, x in np.ndindex(spins.shape):
                writer.writerow([temperature[k], k % 20, y, x, spins[k, y, x]])
    else:
        with h5py.File(path, "w") as file:
            file["configurations"], file["temperature"] = spins, temperature
    done = python(EXAMPLES / "foreign_data.py", path, out, "--temperature", 3)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(out), spins[20:])
    job = {
        "name": "foreign",
        "lattice": {"shape": [4, 6]},
        "hamiltonian": {"kind": "ising"},
        "observe": {"temperature": 3.0},
        "sweep": {"energies": ["true"], "temperatures": [2, 3]},
    }
    run = dcl_hpc.start(job, tmp_path).make("observe", snapshots=out)
    np.testing.assert_array_equal(run.observations, spins[20:] == 1)
    done = python(EXAMPLES / "foreign_data.py", path, out, "--temperature", 1)
    assert done.returncode == 2 and "no configurations at T = 1.0" in done.stderr


def test_aquila(python, tmp_path):
    """Sites in any order become rows and columns; atoms that were not there are lost, excited ones are 1."""
    random = np.random.default_rng(4)
    order, before, after = random.permutation(12), *(random.random((2, 7, 12)) < 0.7).astype(int)
    shots = [
        {
            "shot_status": "Completed",
            "pre_sequence": there[order].tolist(),
            "post_sequence": seen[order].tolist(),
        }
        for there, seen in zip(before, after, strict=True)
    ]
    shots.insert(2, {"shot_status": "Failure", "pre_sequence": [], "post_sequence": []})
    sites = 5.9e-6 * np.stack(np.unravel_index(order, (3, 4)), axis=1)
    task = {
        "hardware_task": {"task_ir": {"lattice": {"sites": sites.tolist()}}},
        "task_result_ir": {"shot_outputs": shots},
    }
    path, out = tmp_path / "task.json", tmp_path / "aquila.npz"
    path.write_text(json.dumps({"hardware_task_shot_results": {"0": task}}))
    done = python(EXAMPLES / "aquila.py", path, out)
    assert done.returncode == 0 and "7 shots of 3x4 atoms" in done.stdout, done.stderr
    with np.load(out) as found:
        np.testing.assert_array_equal(found["present"], before.reshape(-1, 3, 4) == 1)
        np.testing.assert_array_equal(found["states"], 1 - after.reshape(-1, 3, 4))
        expected = np.where(found["present"], found["states"], 255)
    job = {"lattice.shape": [3, 4], "sweep.shapes": []}
    run = dcl_hpc.start(EXAMPLES / "aquila.toml", tmp_path, job).make("observe", snapshots=out)
    np.testing.assert_array_equal(run.observations, expected)
