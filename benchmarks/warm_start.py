"""What a warm start saves: KL divergence of RNNs that begin with another realization's network.

    python benchmarks/warm_start.py [JOB] [--realizations N] [--samples N] [--ranks N] [--quick]
        [--json]

Observes each realization once and trains with and without `rnn.warm_start` for one, two and three epochs.
The first realization, from which the others start, is not counted.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import h5py
import numpy as np
from outcome import add_arguments, call, changed, finish

from dcl_hpc.job import file as job_file

EPOCHS = (1, 2, 3)
# Trainings that take seconds.
QUICK = (
    "lattice.shape=[4, 4]", "observe.chains=100", "observe.thermalization=20", "rnn.hidden=4", "rnn.batch=100"
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("job", nargs="?", default="jobs/ea_ensemble.toml")
    parser.add_argument("--realizations", type=int, default=4)
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--ranks", type=int, default=2)
    add_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.realizations, options.samples, options.ranks = 2, 2000, 1
    common = [f"hamiltonian.realizations={options.realizations}", f"observe.samples={options.samples}"]
    common += QUICK if options.quick else ()
    result = {"samples": options.samples, "realizations": options.realizations, "trainings": []}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / job_file.load(options.job)[0].name
        for warm in (True,) if options.quick else (False, True):
            for epochs in EPOCHS[:1] if options.quick else EPOCHS:
                train(
                    options, folder, [*common, f"rnn.warm_start={str(warm).lower()}", f"rnn.epochs={epochs}"]
                )
                files = [
                    root / f"realization_{k}" / "rnn" / "network.h5" for k in range(options.realizations)
                ]
                kl, seconds = np.array([outcome(file) for file in files[1:]]).T
                row = {"warm": warm, "epochs": epochs, "kl": kl.tolist(), "seconds": seconds.tolist()}
                result["trainings"].append(row)
                print(
                    f"{'warm' if warm else 'cold'} start, {epochs} epochs: KL {kl.mean():.4f} nats, "
                    f"{seconds.mean():.0f} s of training a realization",
                    flush=True,
                )
                for file in files:
                    shutil.rmtree(file.parent)  # the next training begins anew
    arguments = f"--realizations {options.realizations} --samples {options.samples} --ranks {options.ranks}"
    finish(result, f"warm_start.py {options.job} {arguments}", options.json)


def train(options, folder: str, settings: list[str]) -> None:
    """Observe, unless that was done, and train the RNNs of all realizations."""
    changes = changed(settings)
    for module in ("observe", "train"):
        about = options.job, folder, *changes
        call(module, *about, ranks=options.ranks, check=True, stdout=subprocess.DEVNULL)


def outcome(network: Path) -> tuple[float, float]:
    """KL divergence to the exact distribution in nats, and seconds of training."""
    with h5py.File(network) as file:
        return float(file["history/excess"][-1]), float(file["progress/wall_seconds"][0])


if __name__ == "__main__":
    main()
