"""The stages that follow a thermal deep-learning machine: one output of each for a point of the scan."""

from collections.abc import Callable

from ..job.resources import Resources
from ..job.thermal import ThermalJob
from .study import Stage, Study

MACHINE = ("name", "seed", "machine", "data")


def _at_points(stage: str) -> Callable[[ThermalJob], tuple[str, ...]]:
    """Names of a stage's outputs, such as thermalize_M2000-N10-L10."""
    return lambda job: tuple(f"{stage}_{machine.name}" for machine in job.points)


def _before(*stages: str) -> Callable[[ThermalJob, str], tuple[str, ...]]:
    """Outputs of other stages at the point of an output."""
    return lambda job, output: tuple(f"{stage}_{output.partition('_')[2]}" for stage in stages)


def _trained(job: ThermalJob) -> tuple[str, ...]:
    return _at_points("train")(job) if job.training else ()


def _analysed(job: ThermalJob, output: str) -> tuple[str, ...]:
    return _before("thermalize", "replicate", *["train"] * bool(job.training))(job, output)


def _samples(job: ThermalJob) -> int:
    return job.samples.samples


def _always(job: ThermalJob) -> bool:
    return True


THERMAL = Study(
    (
        Stage(
            "thermalize", "thermal.stages.thermalize:thermalize", "thermalize", "thermalize/{}.h5",
            wanted=_at_points("thermalize"),
            needs=lambda job, output: (),
            depends_on=(*MACHINE, "dynamics", "samples"),
            resources=Resources(ranks=8, threads=1, time="24:00:00"),
            networks=_always,
            most_ranks=_samples,
        ),
        Stage(
            "replicate", "thermal.stages.replicate:replicate", "replicate", "replicate/{}.h5",
            wanted=_at_points("replicate"),
            needs=_before("thermalize"),
            depends_on=(*MACHINE, "dynamics", "samples"),
            resources=Resources(ranks=8, threads=1, time="24:00:00"),
            networks=_always,
            most_ranks=_samples,
        ),
        Stage(
            "train", "thermal.stages.train:train", "train", "train/{}.h5",
            wanted=_trained,
            needs=lambda job, output: (),
            depends_on=(*MACHINE, "samples", "training"),
            resources=Resources(ranks=1, threads=4, time="01:00:00"),
            networks=_always,
            most_ranks=_samples,
        ),
        Stage(
            "analyse", "thermal.stages.analyse:analyse", "analyse", "analysis/{}.h5",
            wanted=_at_points("analyse"),
            needs=_analysed,
            depends_on=("name",),
            resources=Resources(ranks=1, threads=1, time="00:30:00"),
        ),
        Stage(
            "report", "thermal.page:report", "report", "report/summary.json",
            wanted=lambda job: ("report",),
            needs=lambda job, output: THERMAL.results(job),
            depends_on=("name",),
            resources=Resources(ranks=1, threads=1, time="00:30:00"),
            always=True,
        ),
    ),
)  # fmt: skip
