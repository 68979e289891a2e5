"""How the RNN scales: KL divergence and time of training against the length of the observed lattice.

    python benchmarks/lengths.py [JOB] [--lengths 4 6 8 12 16] [--samples N] [--set KEY=VALUE ...] [--ranks N]
                                 [--picture FILE] [--quick] [--json]

Square lattices of each length are observed as the job says, by as many configurations each, and the same
network is trained on them. The divergence is that from the exact distribution; of a local system it should
grow with the number of sites, as the work of a configuration does.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import h5py
import matplotlib
import numpy as np
from outcome import add_arguments, call, changed, finish

from dcl_hpc.job import file as job_file

matplotlib.use("Agg")
import matplotlib.pyplot as plt

QUICK = ("observe.thermalization=20", "rnn.hidden=8", "rnn.batch=100")


def measure(options, length: int, runs: Path) -> dict:
    """KL divergence in nats and seconds of the training on one lattice."""
    settings = [
        f"lattice.shape=[{length}, {length}]", f"observe.samples={options.samples}",
        f"observe.chains={min(options.samples // 10, 5000)}", "rnn.epochs=1", 'sweep.energies=["rnn"]',
        "sweep.shapes=[]", *options.set,
        *(QUICK if options.quick else ()),
    ]  # fmt: skip
    about = options.job, runs, *changed(settings)
    call("observe", *about, ranks=options.ranks, check=True, stdout=sys.stderr)
    call("train", *about, "--network", "rnn", ranks=options.ranks, check=True, stdout=sys.stderr)
    job = job_file.load(options.job, settings)[0]
    with h5py.File(runs / job.name / "rnn" / "network.h5") as file:
        kl, seconds = float(file["history/excess"][-1]), float(file["progress/wall_seconds"][0])
    seen = options.samples - int(np.ceil(job.validation("rnn", options.samples) * options.samples))
    batch = job.rnn.settled(options.samples).batch
    rate = seen // batch * batch / seconds
    return {"kl": kl, "kl_per_site": kl / length**2, "seconds": seconds, "per_s": rate}


def draw(rows: dict, path: Path) -> None:
    """Both against the number of sites."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    sites = [int(length) ** 2 for length in rows]
    for axis, (what, label) in zip(
        axes, (("kl", "KL divergence / nats"), ("seconds", "training / s")), strict=True
    ):
        values = [row[what] for row in rows.values()]
        axis.loglog(sites, values, "o-", color="C3", mfc="none")
        axis.loglog(sites, [values[-1] * n / sites[-1] for n in sites], "k:", lw=0.8, label="as the sites")
        axis.set_xticks(sites, [f"{length}x{length}" for length in rows])
        axis.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
        axis.set(xlabel="lattice", ylabel=label)
        axis.legend(frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Train on all lengths and tell what they cost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("job", nargs="?", default="jobs/ising_L8.toml")
    parser.add_argument("--lengths", type=int, nargs="+", default=[4, 6, 8, 12, 16])
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--set", action="append", default=[], help="change a value of the job, for all")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--picture", type=Path, help="draw into this file")
    add_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.lengths, options.samples, options.ranks = [4], 2000, 1
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for length in options.lengths:
            rows[str(length)] = row = measure(options, length, Path(folder) / str(length))
            found = f"KL {row['kl']:.4f} nats, {row['kl_per_site']:.2e} a site, {row['seconds']:.0f} s"
            print(f"L = {length:<4}{found}", flush=True)
    if options.picture:
        draw(rows, options.picture)
    parts = ["lengths.py", options.job, "--lengths", *map(str, options.lengths)]
    parts += ["--samples", str(options.samples), *(f"--set '{setting}'" for setting in options.set)]
    finish(
        {"samples": options.samples, "lengths": rows},
        " ".join([*parts, "--ranks", str(options.ranks)]),
        options.json,
    )


if __name__ == "__main__":
    main()
