"""The job file of a thermal study: a multi-layer perceptron as a physical system at very low temperature."""

import itertools
import os
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_serializer, model_validator

from ..thermal.data import N_INPUTS
from ..thermal.machine import Machine
from .base import AnyJob, Name, Seed
from .resources import Resources
from .section import Count, Many, Passes, Positive, Section, Share, Whole

STEPS = {"unit": "steps"}
Depth = Annotated[int, Field(ge=2, le=1000)]
Images = Annotated[int, Field(ge=2, le=1_000_000)]
Width = Annotated[int, Field(ge=1, le=100_000)]
Digits = Annotated[Many[Annotated[int, Field(ge=0, le=9)]], Field(min_length=2, max_length=2)]


class MachineSection(Section):
    """The machine: its layers, and the images that it learns."""

    depth: Depth = Field(10, description="layers of weights, L")
    width: Width = Field(10, description="neurons of a hidden layer, N")
    images: Images = Field(2000, description="training images, M")
    tanh_scale: Literal["fan_in", "width", "none"] = Field(
        "fan_in",
        description="factor of the argument of tanh: (inputs of the layer)^(-1/2), N^(-1/2) in all "
        "layers, or 1",
    )


class DataSection(Section):
    """Images of two digits, as +1 and -1; every sample has some of its own."""

    source: Literal["packed", "idx", "keras", "digits8x8"] = Field(
        "packed",
        description="2000 + 400 images of 0 and 1 that come along; MNIST's four files; Keras's MNIST; "
        "scikit-learn's images of 8x8",
    )
    folder: str | None = Field(
        None, min_length=1, description="where MNIST's files are, for source = 'idx'; from the job's folder"
    )
    digits: Digits = Field((0, 1), description="the two digits that are told apart")
    test: Images = Field(400, description="images of the test")

    @field_serializer("folder")
    def _name(self, folder, info):
        return Path(folder).name if folder and (info.context or {}).get("digest") else folder

    @model_validator(mode="after")
    def _consistent(self):
        found = []
        if self.source == "idx" and self.folder is None:
            found.append("folder is missing; name the one with MNIST's files")
        if self.source != "idx" and self.folder is not None:
            found.append(f"folder is for source = 'idx', not '{self.source}'; leave it out")
        if self.digits[0] == self.digits[1]:
            found.append(f"digits = {list(self.digits)} are the same; take two")
        elif self.source == "packed" and set(self.digits) != {0, 1}:
            found.append(
                f"digits = {list(self.digits)}: the packed images are of 0 and 1; take source = 'idx' or "
                "'keras'"
            )
        if found:
            raise ValueError("\n".join(found))
        return self


class DynamicsSection(Section):
    """Molecular dynamics with friction and noise, after a quench from random positions."""

    temperature: Share = Field(1e-5, description="in units of the energy, k_B = 1")
    dt: Positive = Field(1e-2, description="time of a step, mass 1")
    eta: Annotated[float, Field(ge=0, le=1)] = Field(1e-3, description="friction of a step")
    steps: Count = Field(
        500_000, description="length of a trajectory, and of replicas", json_schema_extra=STEPS
    )
    thermostat: Literal["balanced", "printed"] = Field(
        "balanced", description="noise that keeps the temperature, or friction and noise as printed"
    )
    noise: Literal["two-point", "uniform", "normal"] = Field(
        "two-point", description="distribution of the noise, all of mean 0 and the same variance"
    )
    precision: Literal["single", "double"] = Field("single", description="of positions and velocities")
    waiting: Annotated[Many[Whole], Field(min_length=1, max_length=1000)] = Field(
        (0, 500, 5_000, 50_000),
        description="waiting times t_w, at which states are kept to correlate later ones with",
        json_schema_extra=STEPS,
    )
    points: Annotated[int, Field(ge=2, le=10_000)] = Field(
        60, description="times of measurement, evenly in ln t, of t since the start and since each t_w"
    )

    @model_validator(mode="after")
    def _before_the_end(self):
        if late := [time for time in self.waiting if time >= self.steps]:
            raise ValueError(f"waiting = {late[0]} is not before the end, steps = {self.steps}; take it out")
        return self


class Samples(Section):
    """Independent samples, and replicas that start from a kept state of each."""

    samples: Annotated[int, Field(ge=1, le=100_000)] = Field(
        8, description="independent samples, each with images of its own"
    )
    replicas: Annotated[int, Field(ge=2, le=100_000)] = Field(6, description="replicas of each sample")
    waiting: Whole = Field(
        50_000, description="t_w from which replicas start, of dynamics.waiting", json_schema_extra=STEPS
    )


class Scan(Section):
    """Points of a phase diagram: all combinations; what is left out is the machine's."""

    images: Many[Images] = Field((), description="numbers of training images")
    width: Many[Width] = Field((), description="widths")
    depth: Many[Depth] = Field((), description="depths")


class Training(Section):
    """Ordinary training of the same perceptrons, for comparison."""

    optimizer: Literal["adam", "sgd"] = Field("adam", description="how weights follow the gradient")
    epochs: Passes = Field(100, description="passes over the training images")
    learning_rate: Positive = Field(1e-3, description="of the optimizer")


class ThermalJob(AnyJob):
    """A whole thermal study."""

    study: Literal["thermal"] = Field(description="kind of study")
    name: Name = Field(description="name of the folder of results")
    seed: Seed = Field(1, description="seed of all random numbers")
    machine: MachineSection = Field(MachineSection(), description="the machine")
    data: DataSection = Field(DataSection(), description="images")
    dynamics: DynamicsSection = Field(DynamicsSection(), description="molecular dynamics")
    samples: Samples = Field(Samples(), description="samples and replicas")
    scan: Scan = Field(Scan(), description="points of a phase diagram")
    training: Training | None = Field(None, description="ordinary training, for comparison")
    resources: dict[str, Resources] = Field({}, description="what each stage asks Slurm for")

    @model_validator(mode="after")
    def _across_sections(self):
        known = self.dynamics.waiting
        if self.samples.waiting not in known:
            raise ValueError(
                f"samples.waiting = {self.samples.waiting}: replicas start from a kept state; take one of "
                f"dynamics.waiting = {list(known)}"
            )
        return self

    @property
    def about(self) -> str:
        """See `AnyJob.about`."""
        names = [machine.name for machine in self.points]
        shown = names[0] if len(names) == 1 else f"{len(names)} machines, {names[0]} ... {names[-1]}"
        return f"{shown} at T = {self.dynamics.temperature:g}"

    @property
    def places(self) -> dict[str, object]:
        """See `AnyJob.places`."""
        return {"data.folder": os.path.abspath(self.data.folder)} if self.data.folder else {}

    @property
    def points(self) -> tuple[Machine, ...]:
        """Machines of all points of the scan."""
        one, scan = self.machine, self.scan
        ranges = (scan.depth or (one.depth,), scan.width or (one.width,), scan.images or (one.images,))
        inputs = N_INPUTS[self.data.source]
        machines = (
            Machine(depth, width, images, inputs=inputs, scale=one.tanh_scale)
            for depth, width, images in itertools.product(*ranges)
        )
        return tuple(dict.fromkeys(machines))

    def point(self, output: str) -> Machine:
        """The machine of an output such as thermalize_M2000-N10-L10."""
        name = output.partition("_")[2]
        return next(machine for machine in self.points if machine.name == name)

    @property
    def waiting(self) -> np.ndarray:
        """Waiting times, int64 ascending, in steps."""
        return np.unique(self.dynamics.waiting)

    @property
    def lags(self) -> np.ndarray:
        """Times of measurement since a start, int64 ascending, in steps: 0, and evenly in ln t to the end."""
        steps, points = self.dynamics.steps, self.dynamics.points
        return np.unique([0, *np.rint(np.geomspace(1, steps, points)).astype(np.int64)])

    @property
    def measured(self) -> np.ndarray:
        """All times of measurement of a trajectory, int64 ascending, in steps."""
        times = np.unique(np.add.outer(np.append(0, self.waiting), self.lags))
        return times[times <= self.dynamics.steps]

    def dependencies(
        self, output: str, sections: tuple[str, ...], changed: bool = False, imported: bool = False
    ) -> dict:
        """See `AnyJob.dependencies`; of the scan an output depends on its own point."""
        context = {"digest": True}
        values = self.model_dump(mode="json", exclude_defaults=changed, context=context)
        result = {key: values[key] for key in sections if key in values}
        if "machine" in sections:
            machine = self.point(output)
            own = {"depth": machine.depth, "width": machine.width, "images": machine.images}
            result["machine"] = result.get("machine", {}) | own
        if "samples" in result and output.startswith(("thermalize", "train")):  # replicas come later
            result["samples"] = {key: n for key, n in result["samples"].items() if key == "samples"}
        return result
