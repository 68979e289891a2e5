"""The stages that learn the energy of a lattice system and predict with it."""

from ..energy.factory import ENERGIES
from ..job.resources import Resources
from ..job.study import Job
from ..physics.shape import Shape
from .study import Stage, Study


def sweep_name(energy: str, shape) -> str:
    """Name of the sweep with an energy on a lattice, such as sweep_ednn_32x32-periodic."""
    return f"sweep_{energy}_{Shape(shape, getattr(shape, 'boundary', None))}"


def sweep_of(output: str) -> tuple[str, Shape]:
    """Energy and shape of a sweep."""
    _, energy, size = output.split("_")
    return energy, Shape.parse(size)


def check_name(energy: str, number: int) -> str:
    """Name of the test of an energy against the observations, or the job's other snapshots 1, 2, ..."""
    return f"check_{energy}" + (f"_{number}" if number else "")


def check_of(output: str) -> tuple[str, int]:
    """Energy of a test, and the number of the snapshots."""
    _, energy, number = (output + "_0").split("_")[:3]
    return energy, int(number)


def calibrate_name(energy: str) -> str:
    """Name of the calibration of a network's energy."""
    return f"calibrate_{energy}"


def files_of(job: Job, energy: str) -> tuple[str, ...]:
    """Outputs that a learned energy is made of."""
    return (ENERGIES[energy].stage, *([calibrate_name(energy)] if job.calibrates(energy) else []))


def candidate(context: int) -> str:
    """Name of the EDNN with one of the contexts that are searched."""
    return f"ednn_context_{context}"


def committee_name(energy: str, member: int | None = None) -> str:
    """Name of the committee of an energy, or of one of its members."""
    return f"committee_{energy}" + ("" if member is None else f"_{member}")


def committee_of(output: str) -> str:
    """Energy of a committee."""
    return output.split("_")[1]


def _learned_from(job: Job, output: str) -> tuple[str, ...]:
    if committee_of(output) == "rnn":
        return ("observe",)
    # which of several contexts is enough is what the network itself found
    return (*(("label",) if job.uses_labels else ("observe",)), "ednn")


def _members(job: Job) -> tuple[str, ...]:
    numbers = range(job.uncertainty.members)
    return tuple(committee_name(energy, k) for energy in job.committees for k in numbers)


def _evaluated(job: Job, output: str) -> tuple[str, ...]:
    learned = dict.fromkeys(output for name in job.learned for output in files_of(job, name))
    observed = (job.direct and job.direct.methods) or not job.has_truth
    return (*learned, *(["observe"] if observed and "observe" not in learned else []))


def _swept(job: Job, output: str) -> tuple[str, ...]:
    name = sweep_of(output)[0]
    committees = (committee_name(name),) if name in job.committees else ()
    return (*files_of(job, name), *committees) if ENERGIES[name].learned else ()


def _of_energy(output: str) -> tuple[str, ...]:
    """Sections of the energy that an output is about."""
    return ENERGIES[output.split("_")[1]].sections


def _trains(job: Job) -> bool:
    return job.trains_networks


SYSTEM = ("name", "seed", "lattice", "hamiltonian")
OBSERVED = (*SYSTEM, "observe")
LATTICE = Study(
    (
        Stage(
            "observe", "stages.observe:observe", "observe", "observations.h5",
            wanted=lambda job: ("observe",),
            needs=lambda job, output: (),
            depends_on=OBSERVED,
            resources=Resources(ranks=16, threads=1, time="02:00:00"),
        ),
        Stage(
            "rnn", "stages.train:train_rnn", "train --network rnn", "rnn/{}.h5",
            wanted=lambda job: ("rnn",) if job.uses_rnn else (),
            needs=lambda job, output: ("observe",),
            depends_on=(*OBSERVED, "rnn"),
            resources=Resources(ranks=4, threads=4, time="08:00:00"),
            networks=_trains,
        ),
        Stage(
            "label", "stages.label:label", "label", "labels.h5",
            wanted=lambda job: ("label",) if job.uses_labels else (),
            needs=lambda job, output: ("observe", "rnn"),
            depends_on=(*OBSERVED, "rnn", "labels"),
            resources=Resources(ranks=4, threads=4, time="02:00:00"),
        ),
        Stage(
            "ednn", "stages.train:train_ednn", "train --network ednn", "ednn/{}.h5",
            wanted=lambda job: ("ednn",) if job.uses_ednn else (),
            needs=lambda job, output: ("label",) if job.uses_labels else ("observe",),
            depends_on=(*OBSERVED, "rnn", "labels", "ednn"),
            resources=Resources(ranks=4, threads=4, time="08:00:00"),
            steps=lambda job: tuple(candidate(k) for k in job.ednn.contexts) if job.uses_ednn else (),
            networks=_trains,
        ),
        Stage(
            "direct", "stages.direct:direct", "train --network direct", "direct.h5",
            wanted=lambda job: ("direct",) if job.uses_direct else (),
            needs=lambda job, output: ("observe",),
            depends_on=(*OBSERVED, "direct"),
            resources=Resources(ranks=1, threads=4, time="02:00:00"),
        ),
        Stage(
            "calibrate", "stages.calibrate:calibrate", "calibrate", "calibration/{}.h5",
            wanted=lambda job: tuple(calibrate_name(name) for name in job.learned if job.calibrates(name)),
            needs=lambda job, output: ("observe", ENERGIES[output.split("_")[1]].stage),
            depends_on=OBSERVED,
            resources=Resources(ranks=4, threads=4, time="02:00:00"),
            more=_of_energy,
        ),
        Stage(
            "committee", "stages.committee:committee", "train --network committee", "committee/{}.h5",
            wanted=lambda job: tuple(committee_name(energy) for energy in job.committees),
            needs=_learned_from,
            depends_on=(*SYSTEM, "uncertainty"),
            resources=Resources(ranks=8, threads=2, time="08:00:00"),
            steps=_members,
            more=_of_energy,
            networks=_trains,
        ),
        Stage(
            "evaluate", "stages.evaluate:evaluate", "evaluate", "evaluation.h5",
            wanted=lambda job: ("evaluate",) if job.compares else (),
            needs=_evaluated,
            depends_on=(*OBSERVED, "rnn", "labels", "ednn", "direct", "levels"),
            resources=Resources(ranks=4, threads=4, time="01:00:00"),
        ),
        Stage(
            "check", "stages.check:check", "check", "checks/{}.h5",
            wanted=lambda job: tuple(check_name(*one) for one in job.checks),
            needs=lambda job, output: ("observe", *files_of(job, check_of(output)[0])),
            depends_on=(*SYSTEM, "observe", "check"),
            resources=Resources(ranks=4, threads=1, time="01:00:00"),
            more=_of_energy,
        ),
        Stage(
            "sweep", "stages.sweep:sweep", "sweep", "sweeps/{}.h5",
            wanted=lambda job: tuple(sweep_name(*sweep) for sweep in job.sweeps),
            needs=_swept,
            depends_on=(*SYSTEM, "sweep"),
            resources=Resources(ranks=16, threads=1, time="04:00:00"),
            more=_of_energy,
        ),
        Stage(
            "report", "reporting.single:report", "report", "report/summary.json",
            wanted=lambda job: ("report",),
            needs=lambda job, output: LATTICE.results(job),
            depends_on=("name",),
            resources=Resources(ranks=1, threads=1, time="00:30:00"),
            always=True,
        ),
    ),
    imported="observe",
    leading="rnn",
    led=("rnn", "committee_rnn"),
    together="reporting.realizations:report_ensemble",
    instead="fit local energies without networks (ednn.fit = 'clusters', no 'rnn' in sweep.energies)",
)  # fmt: skip
