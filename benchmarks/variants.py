"""What the choices of the RNN are worth: KL divergence and training time at equal data.

    python benchmarks/variants.py [JOB] [--ranks N] [--quick] [--json]

Observes once and trains each variant on the same configurations.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
from outcome import add_arguments, changed, finish

from dcl_hpc.cluster.launch import SETTINGS
from dcl_hpc.job import file as job_file

VARIANTS = {
    "default": (),
    "no neighbours": ("rnn.neighbours=false",),
    "no neighbours, shared weights": ("rnn.neighbours=false", "rnn.positional=false"),
    "raster order": ("rnn.order=raster",),
    "float32": ("rnn.precision=float32",),
    "two layers": ("rnn.layers=2",),
    "transformer": ("rnn.architecture=transformer", "rnn.layers=2"),
}


# A training that takes seconds, and the variants of --quick.
QUICK = ("observe.chains=100", "observe.thermalization=20", "rnn.hidden=4", "rnn.epochs=1", "rnn.batch=100")
FEW = ("default",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("job", nargs="?", default="jobs/demo.toml")
    parser.add_argument("--samples", type=int, default=300_000)
    parser.add_argument("--ranks", type=int, default=2)
    add_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.samples, options.ranks = 2000, 1
    result = {"samples": options.samples, "variants": {}}
    common = changed([f"observe.samples={options.samples}", *(QUICK if options.quick else ())])
    name = job_file.load(options.job)[0].name
    with tempfile.TemporaryDirectory() as folder:
        network = Path(folder) / name / "rnn" / "network.h5"
        for variant in FEW if options.quick else VARIANTS:
            settings = changed(VARIANTS[variant])
            for module in ("observe", "train"):
                command = ["mpiexec", "-n", str(options.ranks), sys.executable, "-m", f"dcl_hpc.{module}"]
                command += [options.job, "--runs", folder, *common, *(settings if module == "train" else [])]
                subprocess.run(command, env={**SETTINGS, **os.environ}, check=True, stdout=subprocess.DEVNULL)
            with h5py.File(network) as file:
                kl, seconds = file["history/excess"][-1], file["progress/wall_seconds"][0]
            shutil.rmtree(network.parent)  # the next variant begins anew
            result["variants"][variant] = {"kl": float(kl), "seconds": float(seconds)}
            print(f"{variant:<30} KL {kl:.4f} nats, {seconds:.0f} s of training", flush=True)
    finish(result, f"variants.py {options.job} --samples {options.samples}", options.json)


if __name__ == "__main__":
    main()
