"""What the choices of the networks are worth at equal data: KL divergence, time, errors of energies.

    python benchmarks/variants.py [JOB] [--only NAME ...] [--energies] [--seeds N] [--set KEY=VALUE ...]
                                  [--ranks N] [--quick] [--json]

Observes once for each seed and trains each variant on the same configurations. With --energies the tiles'
network is trained, too, and both energies are compared with the true one on configurations of every level:
RMSE in J, slope; the same for averages over images under the symmetries that the observations show.
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

VARIANTS = {
    "default": (),
    "no neighbours": ("rnn.neighbours=0",),
    "no neighbours, shared weights": ("rnn.neighbours=0", "rnn.positional=false"),
    "nearest neighbours": ("rnn.neighbours=1",),
    "neighbours at two bonds": ("rnn.neighbours=2",),
    "raster order": ("rnn.order=raster",),
    "snake order": ("rnn.order=snake",),
    "spiral order": ("rnn.order=spiral",),
    "float32": ("rnn.precision=float32",),
    "two layers": ("rnn.layers=2",),
    "three layers": ("rnn.layers=3",),
    "four layers": ("rnn.layers=4",),
    "dropout": ("rnn.dropout=0.1",),
    "transformer": ("rnn.architecture=transformer", "rnn.layers=2"),
    "as they were taken": ("rnn.symmetric=false",),
    "averaged weights": ("rnn.average=0.05",),
    "weights averaged for long": ("rnn.average=0.2",),
    "labels of 4 images": ("labels.images=4",),
    "labels of 16 images": ("labels.images=16",),
    "tempered labels": ("labels.tempered=0.5",),
    "tables as trained": ("ednn.symmetric=false",),
    "flat weights": ("ednn.flat=true",),
    "flat weights, tempered labels": ("labels.tempered=0.5", "ednn.flat=true"),
    "averaged weights of tiles": ("ednn.average=0.05",),
    "tiles of 13 sites": ("ednn.focus=1", "ednn.context=2", "ednn.tile=ball"),
    "16 images, averaged weights of tiles": ("labels.images=16", "ednn.average=0.05"),
}
# What is made anew when a section of the job changes, and how.
STAGES = {
    "observe": (("observe",), "observations.h5"),
    "rnn": (("train", "--network", "rnn"), "rnn"),
    "labels": (("label",), "labels.h5"),
    "ednn": (("train", "--network", "ednn"), "ednn"),
    "evaluate": (("evaluate",), "evaluation.h5"),
}
# Images over which the RNN's energy is averaged when it is compared with the true one.
IMAGES = 16


# A training that takes seconds, and the variants of --quick.
QUICK = ("observe.chains=100", "observe.thermalization=20", "rnn.hidden=4", "rnn.epochs=1", "rnn.batch=100")
FEW = ("default",)


class Chains:
    """Trains variants on one set of observations.

    Parameters
    ----------
    options : argparse.Namespace
    folder : Path
    common : list of str
        Changes of the job that all variants share.
    """

    def __init__(self, options, folder: Path, common: list[str]):
        # as networks are trained; what observations say of them afterwards is another matter
        self.common = [*common, "rnn.calibrate=false", "ednn.calibrate=false"]
        self.options, self.folder = options, folder
        self.name = job_file.load(options.job, tuple(common))[0].name

    def measure(self, variant: str) -> dict:
        """KL divergence in nats, seconds of the RNN's training, and errors of energies if they are wanted."""
        settings, runs = VARIANTS[variant], self.folder / variant.replace(" ", "_")
        first = next((stage for stage in STAGES if any(s.startswith(stage) for s in settings)), "observe")
        stages = list(STAGES)[: None if self.options.energies else 2]
        kept, anew = stages[: stages.index(first)], stages[stages.index(first) :]
        for stage in kept:
            self._copy(STAGES[stage][1], runs)
        for stage in anew:
            if stage != "evaluate" or variant == "default":  # the test set is the same for all
                self._start(stage, runs, settings)
        with h5py.File(runs / self.name / "rnn" / "network.h5") as file:
            found = {"kl": file["history/excess"][-1], "seconds": file["progress/wall_seconds"][0]}
        if self.options.energies:
            found |= self._errors(runs, settings)
        return {key: float(value) for key, value in found.items()}

    def _copy(self, file: str, runs: Path) -> None:
        source, target = self.folder / "default" / self.name / file, runs / self.name / file
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)

    def _start(self, stage: str, runs: Path, settings) -> None:
        module, *arguments = STAGES[stage][0]
        about = self.options.job, runs, *arguments, *changed([*self.common, *settings])
        call(module, *about, ranks=self.options.ranks, check=True, stdout=subprocess.DEVNULL)

    def _errors(self, runs: Path, settings) -> dict:
        """RMSE and slope of each energy, and with averages over images."""
        from dcl_hpc.energy.factory import energy_model
        from dcl_hpc.inference import invariance
        from dcl_hpc.pipeline.run import Run
        from dcl_hpc.reporting.tables import energy_errors
        from dcl_hpc.storage import results
        from dcl_hpc.storage.observations import observed_rows

        changes = (*self.common, *settings)
        run = Run(*job_file.load(self.options.job, changes), self.options.job, runs, 1, changes)
        reference = self.folder / "default" / self.name / "evaluation.h5"
        energies, width = results.read_evaluation(reference)
        with h5py.File(reference) as file:
            states = np.ascontiguousarray(file["test/states/value"][()].T)
        with observed_rows(run.require("observe")) as source:
            seen = source.read(0, min(source.n, 100_000))[0]
        symmetry = invariance.find(seen, run.job.build_lattice(), run.job.hamiltonian.n_states)
        found = {"operations": len(symmetry)}
        random = np.random.default_rng(1)
        for name, most in (("rnn", IMAGES), ("ednn", len(symmetry))):
            model = energy_model(run, name)
            others = 1 + random.permutation(len(symmetry) - 1)[: most - 1]
            images = symmetry.images(states, [0, *others])
            every = [model.energies(np.ascontiguousarray(image)) for image in images]
            for what, energy in ((name, every[0]), (f"{name}_averaged", np.mean(every, axis=0))):
                errors = energy_errors(energy, energies["true"], width)
                found[f"{what}_rmse"], found[f"{what}_slope"] = errors["rmse"], errors["slope"]
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("job", nargs="?", default="jobs/demo.toml")
    parser.add_argument("--samples", type=int, default=300_000)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, help="variants to measure beside the default")
    parser.add_argument("--energies", action="store_true", help="train tiles, too, and compare energies")
    parser.add_argument("--seeds", type=int, default=1, help="independent sets of observations")
    parser.add_argument("--set", action="append", default=[], help="change a value of the job file, for all")
    add_arguments(parser)
    options = parser.parse_args()
    only = tuple(dict.fromkeys(("default", *(options.only or VARIANTS))))
    if not options.energies:  # those of the RNN
        only = tuple(name for name in only if all(s.startswith("rnn") for s in VARIANTS[name]))
    if options.quick:
        options.samples, options.ranks, only = 2000, 1, FEW
    common = [f"observe.samples={options.samples}", *(QUICK if options.quick else ()), *options.set]
    rows: dict[str, list[dict]] = {variant: [] for variant in only}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            own = [*common, f"seed={seed + 1}"] if options.seeds > 1 else common
            chains = Chains(options, Path(folder) / str(seed), own)
            for variant in only:
                rows[variant].append(chains.measure(variant))
                values = ", ".join(f"{key} {value:.4g}" for key, value in rows[variant][-1].items())
                print(f"{variant:<30} KL {rows[variant][-1]['kl']:.4f} nats; {values}", flush=True)
    mean = {
        variant: {key: float(np.mean([row[key] for row in found])) for key in found[0]}
        for variant, found in rows.items()
    }
    result = {"samples": options.samples, "variants": mean}
    if options.seeds > 1:
        result["seeds"] = rows
    finish(result, _command(options), options.json)


def _command(options) -> str:
    """The command without --json."""
    parts = [f"variants.py {options.job} --samples {options.samples}"]
    parts += [f"--seeds {options.seeds}"] * (options.seeds > 1) + ["--energies"] * options.energies
    parts += [f"--set '{setting}'" for setting in options.set]
    if options.only:
        parts.append("--only " + " ".join(f"'{name}'" for name in options.only))
    return " ".join([*parts, f"--ranks {options.ranks}"])


if __name__ == "__main__":
    main()
