"""Seconds of each stage on P ranks, from three rates of its own and from what messages and files take.

    seconds = (own + step * steps) * crowd + unit * work + messages + bytes / disk

`crowd` is the number of ranks that share a core, `work` that of the rank that has most of it, or of the core.
"""

import math
import os
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from dcl_hpc.pipeline.lattice_study import sweep_of
from dcl_hpc.sampling.ladder import ROUNDS, TRIAL_REPLICAS
from dcl_hpc.stages.label import BLOCK
from dcl_hpc.stages.observe import PILOT_SWEEPS

# A cluster: ranks of a node, one a core; s and bytes/s (100 Gb/s) between any two of them; Horovod's cycle,
# in s; bytes/s of one file.
CORES, LATENCY, BANDWIDTH, CYCLE, DISK = 64, 5e-6, 12.5e9, 1e-3, 1e9
# Largest number of ranks that is looked at, and how many of them.
MOST, LOOKED_AT = 2**16, 400
# Collective calls of one commit to a file.
COMMIT = 5
# Made by rank 0 alone.
ALONE = ("direct", "report")


@dataclass(frozen=True)
class Load:
    """What a stage does one after the other, and what ranks divide.

    Attributes
    ----------
    steps : float
    units : float
        That ranks divide in each step, in pieces of `grain`.
    grain : float
    calls : float
        Collective calls of MPI.
    sums : float
        Sums of gradients over ranks.
    message : float
        Bytes of such a sum.
    file : float
        Bytes that are written.
    """

    steps: float = 1
    units: float = 1
    grain: float = 1
    calls: float = 0
    sums: float = 0
    message: float = 0
    file: float = 0

    @property
    def pieces(self) -> float:
        """Most ranks that have something to do."""
        return self.units / self.grain

    def share(self, ranks: int, cores: float) -> float:
        """Units of the rank that has most of them, or of a core that several share."""
        return self.grain * max(math.ceil(self.pieces / ranks), self.pieces / cores)


def loads(job, outputs, found: dict) -> dict[str, Load]:
    """What each output of a job takes; `found` is what only a run tells, see `scaling.told`."""
    sites, replicas = job.build_lattice().n_sites, job.sweep.ladders * found["rungs"]
    rows = {"rnn": job.observe.samples, "ednn": job.labels.count}
    result = {}
    for output in outputs:
        stage, _, name = output.partition("_")
        if stage == "observe":
            beginning, records = job.observe.thermalization, job.observe.samples / job.observe.chains
            result[output] = Load(
                beginning + PILOT_SWEEPS + found["thin"] * records, job.observe.chains,
                calls=PILOT_SWEEPS + beginning / 100, file=job.observe.samples * (sites + 8),
            )  # fmt: skip
        elif stage in rows:
            section = job.rnn.settled(rows[stage]) if stage == "rnn" else job.ednn
            trained = (1 - job.validation(stage, rows[stage])) * rows[stage]
            steps = section.epochs * trained / section.batch
            message = found["gradient"][stage]
            result[output] = Load(steps, section.batch, calls=steps / 10, sums=steps, message=message)
        elif stage == "label":
            blocks, size = job.labels.count / BLOCK, job.labels.count * (sites + 4)
            result[output] = Load(1, job.labels.count, BLOCK, COMMIT * blocks, file=size)
        elif stage == "calibrate":
            result[output] = Load(1, job.calibration.asked(name))
        elif stage == "sweep":
            first, measured = job.sweep.lengths(sweep_of(output)[0])
            trials = [max(20, first // 2 >> k) for k in range(ROUNDS)] if job.sweep.rungs == "auto" else [0]
            steps = first + measured + sum(trials) * TRIAL_REPLICAS / replicas
            result[output] = Load(steps, replicas, calls=3 * steps, file=14 * measured * replicas)
        elif stage == "direct":
            result[output] = Load(1, min(job.direct.samples, job.observe.samples))
        else:  # evaluate, report
            result[output] = Load(1, job.levels.per_level)
    return result


def rates(rows) -> tuple[float, float, float]:
    """Seconds of a stage's own, of a step and of a unit in a step, none negative.

    Parameters
    ----------
    rows : list of (float, Load)
        Processor's seconds of runs on one rank; at least three that differ in both steps and units.
    """
    seconds = np.array([max(1e-6, seconds) for seconds, _ in rows])
    columns = np.array([[1, load.steps, load.steps * load.units] for _, load in rows])
    scale = columns.max(axis=0)
    found, _ = nnls(columns / scale / seconds[:, None], np.ones(len(rows)))  # errors relative to the time
    return tuple((found / scale).tolist())


@dataclass(frozen=True)
class Machine:
    """Where ranks run.

    Attributes
    ----------
    cores : float
    call, sum : tuple of float
        Seconds of a collective call of MPI and of a sum of gradients: of an empty one, and of each byte.
    disk : float
        Bytes/s of a file.
    """

    cores: float
    call: tuple[float, float]
    sum: tuple[float, float]
    disk: float

    @classmethod
    def cluster(cls, ranks: int) -> "Machine":
        """One core a rank; trees for what is short and rings for what is long, as MPI libraries choose."""
        first, byte = math.ceil(math.log2(ranks)) * LATENCY, 2 * (1 - 1 / ranks) / BANDWIDTH
        return cls(math.inf, (first, byte), (first + (ranks > 1) * CYCLE, byte), DISK)

    def parts(self, output: str, rate, load: Load, ranks: int) -> dict[str, float]:
        """Seconds of each part of the model."""
        own, step, unit = rate
        crowd = 1 if output in ALONE else max(1, ranks / self.cores)
        share = load.units if output in ALONE else load.share(ranks, self.cores)
        messages = load.calls * self.call[0] + load.sums * (self.sum[0] + self.sum[1] * load.message)
        return {
            "beginning": own * crowd, "steps": step * load.steps * crowd, "work": unit * load.steps * share,
            "messages": messages, "file": load.file / self.disk,
        }  # fmt: skip

    def seconds(self, output: str, rate, load: Load, ranks: int) -> float:
        """Seconds of an output."""
        return sum(self.parts(output, rate, load, ranks).values())


def limit(output: str, rate, load: Load) -> tuple[int, str]:
    """Most ranks of a cluster that are used half, and what then takes longest beside the work itself."""
    alone, most = Machine.cluster(1).seconds(output, rate, load, 1), 1
    for ranks in np.unique(np.geomspace(1, MOST, LOOKED_AT).astype(int)).tolist():
        if alone / (ranks * Machine.cluster(ranks).seconds(output, rate, load, ranks)) >= 0.5:
            most = ranks
    parts = Machine.cluster(most).parts(output, rate, load, most)
    parts["work"] -= rate[2] * load.steps * load.units / most
    parts["too few pieces"] = parts.pop("work")
    return most, max(parts, key=parts.get)


def cost(rate: dict, load: dict, nodes: int, realizations: int) -> dict[str, float]:
    """Hours that each stage takes of all realizations on full nodes, by groups of ranks, as `run` does."""
    size = nodes * CORES
    groups = min(size, realizations)
    ranks, rounds = size // groups, math.ceil(realizations / groups)
    return {
        output: (1 if output == "start" else rounds)
        * Machine.cluster(ranks).seconds(output, rate[output], load[output], ranks) / 3600
        for output in rate
    }  # fmt: skip


def cores() -> int:
    """Of this machine."""
    return len(os.sched_getaffinity(0))
