"""The job file: one TOML document per study, validated as a whole before anything starts."""

import os
from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from ..energy.factory import ENERGIES
from ..physics.clusters import ClusterHamiltonian
from ..physics.hamiltonian import Hamiltonian
from ..physics.lattice import Lattice
from ..physics.shape import Shape
from . import checks, defaults, dependencies, learners, needs
from .base import AnyJob, Name, Seed
from .explanation import HELD_OUT, Check
from .interactions import Interactions
from .lattice import LatticeSection
from .learners import Calibration, Direct, Ednn, Labels, TrainingBackend
from .networks import AnyRnn, Gru
from .resources import Resources
from .simulations import Levels, Observe, Sweep
from .systems import EdwardsAnderson, Ising, Potts, Unknown
from .uncertainty import Uncertainty
from .units import OBSERVED, PHYSICAL, Units

# What can be observed.
System = Ising | Potts | EdwardsAnderson | Interactions | Unknown


class Job(AnyJob):
    """A whole study."""

    study: Literal["lattice"] = Field("lattice", description="kind of study")
    name: Name = Field(description="name of the folder of results")
    seed: Seed = Field(1, description="seed of all random numbers")
    lattice: LatticeSection = Field(description="lattice on which the system is observed")
    hamiltonian: Annotated[System, Field(discriminator="kind")] = Field(description="what is observed")
    observe: Observe = Field(description="observations at one temperature")
    rnn: AnyRnn = Field(Gru(), validate_default=True, description="network that learns P(configuration)")
    labels: Labels = Field(Labels(), description="what the RNN labels with energies")
    ednn: Ednn = Field(Ednn(), validate_default=True, description="extensive network")
    training: TrainingBackend = Field(
        TrainingBackend(), description="how networks are trained on several ranks"
    )
    calibration: Calibration = Field(Calibration(), description="what networks' energies are calibrated by")
    direct: Direct | None = Field(None, description="estimates without a network, for comparison")
    levels: Levels = Field(Levels(), description="test set of every energy level")
    sweep: Sweep = Field(description="predictions over temperatures")
    check: Check = Field(Check(), description="tests of learned energies against snapshots")
    uncertainty: Uncertainty = Field(Uncertainty(), description="errors of predictions")
    resources: dict[str, Resources] = Field({}, description="what each stage asks Slurm for")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, document):
        return defaults.completed(document)

    @field_validator("rnn", "ednn", "direct")
    @classmethod
    def _resolve(cls, section, info):
        if section is None or not {"lattice", "hamiltonian"} <= info.data.keys():
            return section  # what they depend on is wrong and told of
        lattice, model = info.data["lattice"].build(), info.data["hamiltonian"]
        glass = _differs(model)
        if info.field_name == "rnn":
            return defaults.rnn(section, lattice, glass)
        if info.field_name == "direct":
            return defaults.direct(section, lattice, model.n_states, glass)
        return defaults.ednn(section, lattice, model.n_states)

    @model_validator(mode="after")
    def _across_sections(self):
        if found := checks.mistakes(self):
            raise ValueError("\n".join(found))
        return self

    @classmethod
    def schema_of_files(cls) -> dict:
        """See `AnyJob.schema_of_files`."""
        return defaults.schema_of_files(cls.model_json_schema())

    @property
    def about(self) -> str:
        """See `AnyJob.about`."""
        return (
            f"{self.hamiltonian.kind} on {self.build_lattice()}, observed at T = {self.observe.temperature:g}"
        )

    @property
    def source(self) -> str | None:
        """See `AnyJob`."""
        return self.observe.source

    @property
    def places(self) -> dict[str, object]:
        """See `AnyJob.places`."""
        found: dict[str, object] = {"observe.source": self.source} if self.source else {}
        if self.check.sets:
            sets = ({"temperature": one.temperature, "from": one.source} for one in self.check.sets)
            found["check.sets"] = [one | {"from": os.path.abspath(one["from"])} for one in sets]
        return found

    @property
    def needs_snapshots(self) -> bool:
        """See `AnyJob`."""
        return not (self.has_truth or self.source)

    @property
    def warm_start(self) -> bool:
        """See `AnyJob`."""
        return self.rnn.warm_start

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Shapes to predict, the observed one if none are named."""
        return self.sweep.shapes or (Shape(self.lattice.shape),)

    @property
    def sweeps(self) -> list[tuple[str, Shape]]:
        """Energy and shape of every sweep; some energies know the observed shape only."""
        return [
            (energy, shape)
            for energy in self.sweep.energies
            for shape in self.shapes
            if ENERGIES[energy].any_shape or shape == self.lattice.shape
        ]

    @property
    def has_truth(self) -> bool:
        """Whether the Hamiltonian is known: whether there is something to simulate and to compare with."""
        return self.hamiltonian.kind != "unknown"

    @property
    def units(self) -> Units:
        """Units of all energies and temperatures."""
        return PHYSICAL if self.has_truth or self.observe.temperature != 1 else OBSERVED

    @property
    def uses_direct(self) -> bool:
        """Whether any stage needs the direct estimate as an energy."""
        return "direct" in self.sweep.energies

    @property
    def uses_ednn(self) -> bool:
        """Whether any stage needs the EDNN."""
        return "ednn" in self.sweep.energies

    @property
    def learned(self) -> list[str]:
        """Learned energies that any stage needs."""
        wanted = {*self.sweep.energies, *(["rnn"] if self.uses_rnn else [])}
        return [name for name, energy in ENERGIES.items() if energy.learned and name in wanted]

    @property
    def compares(self) -> bool:
        """Whether energies are compared: with the true one, level by level, or else with each other."""
        found = len(self.learned) + (len(self.direct.methods) if self.direct else 0)
        return found > (0 if self.has_truth else 1)

    @property
    def checks_own(self) -> bool:
        """Whether learned energies are tested against observations that no learner saw."""
        return not self.has_truth if self.check.wanted == "auto" else self.check.wanted

    @property
    def held_out(self) -> float:
        """Share of the observations that no learner sees, the last ones."""
        if self.check.held_out == "auto":
            return HELD_OUT if self.checks_own else 0.0
        return self.check.held_out

    @property
    def checks(self) -> list[tuple[str, int]]:
        """Learned energies and the snapshots that each is tested against: 0 the observed, 1 ... others."""
        first = 0 if self.checks_own else 1
        return [(name, k) for name in self.learned for k in range(first, len(self.check.sets) + 1)]

    def validation(self, name: str, n: int) -> float:
        """Share of n rows, labels or observations, that the training of "rnn" or "ednn" does not see."""
        share = getattr(self, name).validation
        if share != "auto":
            return share
        labelled = name == "ednn" and self.uses_labels
        return learners.USUAL if labelled else learners.unseen(n)

    def is_trained(self, energy: str) -> bool:
        """Whether a learned energy is a network with learning curves."""
        return energy == "rnn" or (energy == "ednn" and self.ednn.is_network)

    def calibrates(self, energy: str) -> bool:
        """Whether an energy is a network's that is calibrated by the observations."""
        return self.is_trained(energy) and getattr(self, energy).calibrate

    @property
    def tile(self) -> Direct:
        """Where direct estimates look for interactions, and calibrations too; defaults if it is left out."""
        lattice, n_states = self.build_lattice(), self.hamiltonian.n_states
        return self.direct or defaults.direct(Direct(), lattice, n_states, self.is_glass)

    @property
    def trains_networks(self) -> bool:
        """Whether any stage trains a network."""
        return any(self.is_trained(energy) for energy in self.learned)

    @property
    def committees(self) -> tuple[str, ...]:
        """Energies that have a committee: the networks that are swept."""
        if not self.uncertainty.members:
            return ()
        return tuple(name for name in ENERGIES if name in self.sweep.energies and self.is_trained(name))

    @property
    def uses_labels(self) -> bool:
        """Whether the EDNN learns from the RNN's labels."""
        return self.uses_ednn and self.ednn.fit == "labels"

    @property
    def uses_rnn(self) -> bool:
        """Whether any stage needs the RNN."""
        return self.uses_labels or "rnn" in self.sweep.energies

    @property
    def is_glass(self) -> bool:
        """Whether couplings differ from bond to bond."""
        return _differs(self.hamiltonian)

    @property
    def realizations(self) -> tuple[int, ...]:
        """Numbers of the realizations of an ensemble; empty for a single system."""
        return self.hamiltonian.numbers if isinstance(self.hamiltonian, EdwardsAnderson) else ()

    def of(self, realization: int) -> "Job":
        """The job of one realization of an ensemble: that of a single glass with this `instance`."""
        one = self.hamiltonian.model_copy(update={"instance": realization, "realizations": None})
        return self.model_copy(update={"hamiltonian": one})

    @property
    def stream_seed(self) -> int:
        """Seed of all random streams but the couplings'; every realization has its own."""
        number = getattr(self.hamiltonian, "instance", 0)
        if number == 0:
            return self.seed
        sequence = np.random.SeedSequence(self.seed, spawn_key=(number,))
        return int(sequence.generate_state(1, np.uint64)[0])

    def build_lattice(self, shape: tuple[int, ...] | None = None) -> Lattice:
        """The observed lattice, or one of its kind on another shape; see `LatticeSection.build`."""
        return self.lattice.build(shape)

    def build_hamiltonian(self, shape: tuple[int, ...] | None = None) -> Hamiltonian | ClusterHamiltonian:
        """The true Hamiltonian, on the observed lattice or on another shape; only if the job `has_truth`."""
        return self.hamiltonian.build(self.build_lattice(shape), self.seed)

    @property
    def order_parameter(self) -> Callable[[np.ndarray], np.ndarray]:
        """Order parameter per site, float64 (n_chains,), of states, integers (n_sites, n_chains).

        That of the true Hamiltonian. Of an unknown one |m| for two states, else the excess of the most
        frequent state, which takes nothing but the states for different.
        """
        if self.has_truth:
            return self.build_hamiltonian().order_parameter
        from ..physics.observables import majority_order, vector_order  # compiled; few need it

        n_states = self.hamiltonian.n_states
        return partial(vector_order if n_states == 2 else majority_order, n_states=n_states)

    def build_rnn(self, seed: int | None = None):
        """A new network for P(configuration) with random weights, by default of the `stream_seed`."""
        seed = self.stream_seed if seed is None else seed
        return self.rnn.build(self.build_lattice(), self.hamiltonian.n_states, seed)

    def build_ednn(self, context: int, mean: float, scale: float, seed: int | None = None):
        """A new EDNN for energies of this mean and standard deviation (J); seed as in `build_rnn`."""
        n_states, seed = self.hamiltonian.n_states, self.stream_seed if seed is None else seed
        return self.ednn.build(self.build_lattice(), n_states, context, mean, scale, seed)

    @property
    def needs(self) -> dict[str, needs.Need]:
        """See `AnyJob.needs`."""
        return needs.of_lattice(self)

    def dependencies(
        self, output: str, sections: tuple[str, ...], changed: bool = False, imported: bool = False
    ) -> dict:
        """See `AnyJob.dependencies`."""
        return dependencies.dependencies(self, output, sections, changed, imported)


def _differs(model) -> bool:
    """Whether a section describes a law that differs from place to place."""
    return isinstance(model, EdwardsAnderson) or getattr(model, "disorder", False)
