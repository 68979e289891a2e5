"""Convert shots of QuEra's Aquila, an array of neutral atoms, to snapshots with lost atoms for `run --from`.

    python examples/aquila.py example-3-2d-ordered-state-job.json aquila.npz
    python -m dcl_hpc.run examples/aquila.toml --from aquila.npz

The file is in docs/docs/examples of the repository QuEraComputing/bloqade-python (Apache-2.0): 100 shots of
11x11 atoms, driven into the ordered phase of the Rydberg blockade. Take any file of that form.
"""

import argparse
import json

import numpy as np


def shots(path) -> tuple[np.ndarray, np.ndarray]:
    """States (n, rows, columns), 1 for an excited atom, and which atoms were there before the pulse."""
    with open(path, encoding="utf-8") as file:
        (task,) = json.load(file)["hardware_task_shot_results"].values()
    places = np.array(task["hardware_task"]["task_ir"]["lattice"]["sites"])
    shape = [len(np.unique(axis)) for axis in places.T]
    order = np.lexsort(places.T[::-1])  # row by row
    complete = [shot for shot in task["task_result_ir"]["shot_outputs"] if shot["shot_status"] == "Completed"]
    before, after = (
        np.array([shot[key] for shot in complete])[:, order].reshape(-1, *shape)
        for key in ("pre_sequence", "post_sequence")
    )
    return (1 - after).astype(np.uint8), before == 1  # excited atoms leave the trap


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", help="JSON file of a task")
    parser.add_argument("snapshots", help=".npz file to write")
    options = parser.parse_args()
    states, present = shots(options.data)
    np.savez(options.snapshots, states=states, present=present)
    print(f"{options.snapshots}: {len(states)} shots of {'x'.join(map(str, states.shape[1:]))} atoms")
