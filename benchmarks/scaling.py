"""How the time of each stage depends on the number of ranks: a model, held against 1, 2, 4 and 8 of them.

    python benchmarks/scaling.py [JOB] [--cost JOB] [--ranks 1 2 4 8] [--repeats N] [--quick] [--json]

Three short runs of a job on one rank give the rates of the model, tries of their own what messages and files
take; the rest is counted from the job. So the times of another, longer run are predicted, on some numbers of
ranks on these cores. With constants of a cluster the model says where each stage stops to scale, and what
many realizations cost, by the rates of --cost JOB at its own sizes. All ranks have one thread. Timings beside
other work say little.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scaling_model as model
from outcome import add_arguments, changed, finish

from dcl_hpc.cluster.launch import SETTINGS
from dcl_hpc.job import file as job_file

# Parts of a run's sizes, and how much narrower its steps are, from which rates come.
CALIBRATION = ((0.5, 1), (0.25, 1), (0.5, 4))
# Sizes of the run that is predicted; of the job whose cost is told, only this part of them is tried. Most
# chains.
ROWS, LABELS, PER_LEVEL, THERMALIZATION, SWEEPS, RNN_SWEEPS = 48_000, 64_000, 40, 24_000, 4000, 32
COST, CHAINS = 0.25, 1000
NODES, REALIZATIONS = (4, 16, 100), 1000
QUICK = (
    "lattice.shape=[4, 4]", "observe.chains=64", "observe.samples=6400", 'sweep.energies=["true"]',
    "sweep.temperatures=[2.0, 4.0]", "sweep.ladders=8",
)  # fmt: skip
# One thread a rank.
ENVIRONMENT = {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# What each rank does; bytes of a file that is tried.
RANK_WORK, TRIED_FILE = Path(__file__).resolve().with_name("scaling_ranks.py"), 2**27


def short(job, part: float, narrow: int = 1) -> list[str]:
    """Settings that make a job's run short, and its steps narrow."""
    chains, rows = min(job.observe.chains, CHAINS) // narrow, int(part * ROWS)
    batch = job.rnn.settled(job.observe.samples).batch // narrow
    return [
        f"observe.chains={chains}", f"observe.samples={max(1, rows // chains) * chains}",
        f"observe.thermalization={int(part * THERMALIZATION)}",
        "rnn.epochs=1", "rnn.validations=1", f"rnn.batch={batch}",
        f"labels.count={int(part * LABELS)}", "ednn.epochs=1", f"ednn.batch={job.ednn.batch // narrow}",
        f"calibration.network_samples={rows // 8}", f"levels.per_level={max(1, int(part * PER_LEVEL))}",
        f"sweep.rungs={len(job.sweep.listed)}", f"sweep.ladders={max(2, job.sweep.ladders // narrow)}",
        "sweep.thermalization=100", f"sweep.sweeps={int(part * SWEEPS)}",
        "sweep.rnn_thermalization=0", f"sweep.rnn_sweeps={max(2, int(part * RNN_SWEEPS))}",
    ]  # fmt: skip


def measured_disk(folder: Path) -> float:
    """Bytes/s of a file that the disk has."""
    data, started = os.urandom(TRIED_FILE), time.monotonic()
    with open(folder / "tried", "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return TRIED_FILE / (time.monotonic() - started)


class Runs:
    """Runs of one job, short ones, on some numbers of ranks.

    Parameters
    ----------
    path : str
        Of the job file.
    scale : float
        Part of the sizes above.
    quick : bool
    """

    def __init__(self, path: str, scale: float, quick: bool):
        self.path, self.scale, self.common = path, scale, list(QUICK if quick else ())
        self.calibration = CALIBRATION[:1] if quick else CALIBRATION
        self.job = job_file.load(path, self.common)[0]

    def __call__(self, ranks: int, part: float, narrow: int = 1) -> tuple[dict, dict]:
        """What the ranks tell, and the loads of all outputs."""
        settings = [*self.common, *short(self.job, self.scale * part, narrow)]
        with tempfile.TemporaryDirectory() as folder:
            command = ["mpiexec", "-n", ranks, sys.executable, RANK_WORK, self.path]
            command += ["--runs", folder, "--began", time.time(), *changed(settings)]
            done = subprocess.run(
                [*map(str, command)], env=os.environ | SETTINGS | ENVIRONMENT, capture_output=True, text=True
            )
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        answer = json.loads(done.stdout.splitlines()[-1])
        return answer, self.loads(job_file.load(self.path, settings)[0], answer)

    def loads(self, job, answer: dict) -> dict[str, model.Load]:
        """Loads of a job by what a short run of it tells."""
        return {"start": model.Load()} | model.loads(job, list(answer["seconds"])[1:], answer["found"])

    def rates(self, repeats: int) -> tuple[dict, dict]:
        """Rates of all outputs, and loads of the whole job."""
        rows: dict[str, list] = {}
        for part, narrow in self.calibration * repeats:
            answer, load = self(1, part, narrow)
            for output, (_, used) in answer["seconds"].items():
                rows.setdefault(output, []).append((used, load[output]))
        rate = {output: model.rates(those) for output, those in rows.items()}
        return rate, self.loads(self.job, answer)


def check(runs: Runs, rate: dict, disk: float, options) -> list[dict]:
    """Seconds of runs on several ranks, predicted and measured."""
    rows = []
    for ranks in options.ranks:
        answers, load = zip(*(runs(ranks, 1.0) for _ in range(options.repeats)), strict=True)
        call, sums = (np.median([answer[kind] for answer in answers], axis=0) for kind in ("call", "sum"))
        here = model.Machine(model.cores(), tuple(call.tolist()), tuple(sums.tolist()), disk)
        row = {"ranks": ranks, "call": here.call, "sum": here.sum, "timeline": answers[0]["timeline"]}
        row["outputs"] = {}
        for output in rate:
            clock, used = np.median([answer["seconds"][output] for answer in answers], axis=0).tolist()
            predicted = here.seconds(output, rate[output], load[0][output], ranks)
            row["outputs"][output] = {
                "predicted": predicted, "measured": used, "ratio": predicted / used, "clock": clock
            }  # fmt: skip
            print(f"{ranks} ranks, {output}: {predicted:.2f} s predicted, {used:.2f} s measured, ratio "
                  f"{predicted / used:.2f}; {clock:.2f} s by the clock", flush=True)  # fmt: skip
        for output, times in row["timeline"].items():
            first, byte = answers[0]["sum_clock"]
            times["tried"] = first + byte * load[0][output].message
            print(f"  timeline of {output}: " + ", ".join(f"{k} {1e3 * v:.2f} ms" for k, v in times.items()))
        rows.append(row)
    return rows


def on_cluster(job: str, rate: dict, load: dict) -> dict:
    """Where each output stops to scale, and what many realizations cost."""
    limits, nodes = {}, {}
    for output, (own, step, unit) in rate.items():
        most, why = model.limit(output, rate[output], load[output])
        alone = model.Machine.cluster(1).seconds(output, rate[output], load[output], 1)
        limits[output] = {
            "own": own, "step": step, "unit": unit, "steps": load[output].steps, "units": load[output].units,
            "one_rank": alone, "ranks": most, "why": why,
        }  # fmt: skip
        print(f"{output}: {own:.2g} + {step:.2g} a step + {unit:.2g} a unit, {alone:.0f} s; half used at "
              f"{most} ranks: {why}", flush=True)  # fmt: skip
    for n in NODES:
        hours = model.cost(rate, load, n, REALIZATIONS)
        nodes[n] = {"hours": hours, "node_hours": n * sum(hours.values())}
        print(f"{REALIZATIONS} realizations on {n} nodes: {sum(hours.values()):.2f} h, "
              f"{nodes[n]['node_hours']:.0f} node-hours", flush=True)  # fmt: skip
    names = ("CORES", "LATENCY", "BANDWIDTH", "CYCLE", "DISK")
    return {
        "limits": limits, "cost": {"job": job, "realizations": REALIZATIONS, "nodes": nodes},
        "assumed": {name.lower(): getattr(model, name) for name in names},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("job", nargs="?", default="jobs/ea_ensemble.toml")
    parser.add_argument("--cost", default="jobs/ea_L8.toml", metavar="JOB")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--repeats", type=int, default=1)
    add_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.ranks = [2]
    with tempfile.TemporaryDirectory() as folder:
        disk = measured_disk(Path(folder))
    print(f"a file takes {disk / 1e6:.0f} MB/s", flush=True)
    runs = Runs(options.job, 0.01 if options.quick else 1.0, options.quick)
    rate, load = runs.rates(options.repeats)
    result = {"job": options.job, "disk": disk, "check": check(runs, rate, disk, options)}
    if options.cost != options.job and not options.quick:
        rate, load = Runs(options.cost, COST, False).rates(options.repeats)
    result |= on_cluster(options.cost, rate, load)
    ranks = " ".join(map(str, options.ranks))
    finish(result, f"scaling.py {options.job} --cost {options.cost} --ranks {ranks}", options.json)


if __name__ == "__main__":
    main()
