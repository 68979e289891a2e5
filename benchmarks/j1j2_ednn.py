"""The EDNN's route for snapshots of a J1-J2 model that another program made: u(T) against its own runs.

    python benchmarks/j1j2_ednn.py [--ranks N] [--quick] [--json]

The snapshots and energies are those of mcising (`pip install mcising`, here or anywhere on the PATH), 8x8,
J1 = 1, J2 = 0.4, at T = 4. The job knows no Hamiltonian. An EDNN is trained on the pseudo-likelihood of the
snapshots, calibrated by them, and swept from T = 1.5 to 5; `wall_seconds` is all of this.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from foreign import Mcising
from outcome import add_arguments, finish
from work import Work, compared, explained, swept, unknown

OPTIONS, TEMPERATURE = "-L 8 --j1 1 --j2 0.4", 4.0
TEMPERATURES = [1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]


def measure(work: Work) -> dict:
    """Snapshots, the run, and the other program's energies."""
    data = Mcising(work, OPTIONS, TEMPERATURE)
    source = data.snapshots()
    ednn = {"fit": "pseudolikelihood", "epochs": 2 if work.quick else 10}
    sweep = work.sweeps(TEMPERATURES) | {"energies": ["ednn"]}
    job = unknown("law", {"shape": [8, 8]}, TEMPERATURE, sweep=sweep, ednn=ednn)
    started = time.monotonic()
    run, _ = work.run(job, "--from", source)
    seconds = time.monotonic() - started
    (found,) = swept(run, "ednn")
    summary = json.loads((run.folder / "report" / "summary.json").read_text())
    calibration = summary["calibration"]["ednn"]
    kept = ("scale", "scale_error", "weight", "weight_error", "rest")
    return compared(found, data.u(TEMPERATURES)) | {
        "wall_seconds": seconds, "samples": work.samples, "explains_p": explained(run, "ednn"),
        "u_data_error": found["u_data_error"], "calibration": {key: calibration[key] for key in kept},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ranks", type=int, default=2)
    add_arguments(parser)
    options = parser.parse_args()
    if Mcising.command() is None:
        raise SystemExit("mcising is not installed: pip install mcising")
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Work(Path(folder), 1 if options.quick else options.ranks, options.quick))
    print(f"largest |du| {result['max_abs_du']:.4f} J per site in {result['wall_seconds']:.0f} s")
    finish(result, "j1j2_ednn.py", options.json)


if __name__ == "__main__":
    main()
