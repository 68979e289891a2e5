"""The job file: one TOML document per study, validated as a whole before anything starts."""

from itertools import product
from typing import Annotated, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from ..inference.free_table import MAX_FREE
from ..physics import hamiltonian
from ..physics.lattice import Lattice
from ..physics.tiles import MAX_TABLE, Tiling
from .learners import Direct, Ednn, Labels, Rnn
from .systems import Count, EdwardsAnderson, Ising, LatticeSection, Positive, Potts, Section

# Temperatures of a ladder in all: those listed and others between them for equal acceptance; "auto" takes as
# many as keep every acceptance rate above one half.
Rungs = Annotated[int, Field(ge=2, le=1000)] | Literal["auto"]


# Most states of a tile that a direct estimate takes.
LARGEST = {"pairwise": MAX_TABLE, "clusters": MAX_TABLE, "table": MAX_FREE}


class ObserveExchange(Section):
    """Each chain becomes a ladder of replicas, of which the one at the temperature is recorded."""

    hottest: Positive
    rungs: Rungs = "auto"


class Observe(Section):
    """Observations at one temperature by Metropolis chains of the true Hamiltonian."""

    temperature: Positive
    samples: Count = 1_000_000
    chains: Count = 1000
    thermalization: int = Field(500, ge=0, description="sweeps before the first record")
    thin: Count | Literal["auto"] = Field("auto", description="sweeps between records")
    exchange: ObserveExchange | None = Field(None, description="replica exchange with hotter replicas")

    @model_validator(mode="after")
    def _whole_records(self):
        if self.samples % self.chains:
            nearest = max(1, round(self.samples / self.chains)) * self.chains
            raise ValueError(
                f"samples = {self.samples} is not a multiple of chains = {self.chains}; "
                f"take samples = {nearest}"
            )
        if self.exchange and self.exchange.hottest <= self.temperature:
            raise ValueError(
                f"exchange.hottest = {self.exchange.hottest} is not above temperature = {self.temperature}"
            )
        return self


class Levels(Section):
    """Test set: configurations of every energy level, never used in training."""

    per_level: Count = 1000
    width: Positive | None = Field(None, description="J; bins for continuous spectra")
    ladders: Count = 8
    max_sweeps: Count = 20_000


class Grid(Section):
    """Equally spaced temperatures, both ends included."""

    start: Positive
    stop: Positive
    step: Positive


class Sweep(Section):
    """Predictions: Metropolis with replica exchange over temperatures, for each energy and shape."""

    energies: tuple[Literal["true", "rnn", "ednn"], ...] = Field(("true", "rnn", "ednn"), min_length=1)
    shapes: tuple[tuple[Annotated[int, Field(ge=2)], ...], ...] = ()
    temperatures: Annotated[
        Annotated[tuple[Positive, ...], Tag("list")] | Annotated[Grid, Tag("grid")],
        Discriminator(lambda value: "grid" if isinstance(value, (dict, Grid)) else "list"),
    ]
    ladders: Annotated[int, Field(ge=2)] = 16
    thermalization: int = Field(500, ge=0)
    sweeps: Annotated[int, Field(ge=2)] = 5000
    rnn_thermalization: int = Field(100, ge=0, description="as thermalization, for the RNN")
    rnn_sweeps: Annotated[int, Field(ge=2)] = Field(500, description="as sweeps, for the RNN")
    exchange: bool = True
    rungs: Rungs = Field("auto", description="temperatures of the ladder in all")

    def lengths(self, energy: str) -> tuple[int, int]:
        """Sweeps of thermalization and of measurement with an energy."""
        if energy == "rnn":
            return self.rnn_thermalization, self.rnn_sweeps
        return self.thermalization, self.sweeps

    @property
    def listed(self) -> np.ndarray:
        """Temperatures to predict in ascending order, float64; the ladder may have more."""
        t = self.temperatures
        if isinstance(t, Grid):
            n = int(np.floor((t.stop - t.start) / t.step + 1e-9)) + 1
            return np.round(t.start + t.step * np.arange(n), 12)
        return np.unique(t)

    @model_validator(mode="after")
    def _ladder_has_rungs(self):
        if len(self.listed) < 2:
            raise ValueError("temperatures must name at least two temperatures")
        if self.rungs != "auto" and self.rungs < len(self.listed):
            raise ValueError(f"rungs = {self.rungs} is less than the {len(self.listed)} listed temperatures")
        return self


# What each stage depends on; a file made with other values belongs to another job.
_SAMPLING = ("name", "seed", "lattice", "hamiltonian", "observe")
DEPENDENCIES = {
    "observe": _SAMPLING,
    "import": _SAMPLING,
    "rnn": (*_SAMPLING, "rnn"),
    "label": (*_SAMPLING, "rnn", "labels"),
    "ednn": (*_SAMPLING, "rnn", "labels", "ednn"),
    "evaluate": (*_SAMPLING, "rnn", "labels", "ednn", "direct", "levels"),
    "sweep_true": ("name", "seed", "lattice", "hamiltonian", "sweep"),
    "sweep_rnn": (*_SAMPLING, "rnn", "sweep"),
    "sweep_ednn": (*_SAMPLING, "rnn", "labels", "ednn", "sweep"),
}


class TrainingBackend(Section):
    """What averages gradients over ranks; results are the same but for rounding."""

    backend: Literal["auto", "horovod", "mpi"] = Field(
        "auto", description="Horovod, or MPI's own sum; 'auto' takes Horovod where it is installed"
    )


class Job(Section):
    """A whole study."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)
    seed: int = Field(1, ge=0, lt=2**63)
    lattice: LatticeSection
    hamiltonian: Annotated[Ising | Potts | EdwardsAnderson, Field(discriminator="kind")]
    observe: Observe
    rnn: Rnn = Rnn()
    labels: Labels = Labels()
    ednn: Ednn = Ednn()
    training: TrainingBackend = TrainingBackend()
    direct: Direct | None = Field(None, description="estimates without a network, for comparison")
    levels: Levels = Levels()
    sweep: Sweep

    @model_validator(mode="after")
    def _across_sections(self):
        shape = self.lattice.shape
        if self.rnn.order == "spiral" and len(shape) != 2:
            raise ValueError("rnn.order = 'spiral' needs a two-dimensional lattice; take 'snake'")
        if self.sweep.energies == ("rnn",) and shape not in self.shapes:
            raise ValueError("sweep.shapes: the RNN knows the observed shape only; add it, or 'true', 'ednn'")
        glass = self.is_glass
        if glass and self.hamiltonian.couplings == "published" and len(shape) != 2:
            raise ValueError("hamiltonian.couplings = 'published' needs a two-dimensional lattice")
        if glass and not isinstance(self.hamiltonian.couplings, str):
            rows = {len(row) for row in self.hamiltonian.couplings}
            sites = int(np.prod(shape))
            if len(self.hamiltonian.couplings) != sites or rows != {len(shape)}:
                raise ValueError(
                    f"hamiltonian.couplings has {len(self.hamiltonian.couplings)} rows of {sorted(rows)} "
                    f"numbers; lattice.shape = {list(shape)} needs {sites} rows of {len(shape)}"
                )
        if glass and self.direct:
            raise ValueError(
                "direct: these estimates take the energy to be the same everywhere; leave it out"
            )
        if self.direct:
            self._fits("direct.side", self.direct.side, self.direct.methods, "direct.methods")
        if self.uses_ednn and not self.ednn.is_network:
            if glass:
                raise ValueError(
                    f"ednn.fit = '{self.ednn.fit}' takes the energy to be the same everywhere; for "
                    "edwards_anderson take 'labels' or 'pseudolikelihood' with ednn.shared = false"
                )
            self._fits("ednn.context", 1 + 2 * self.ednn.contexts[0], (self.ednn.fit,), "ednn.fit")
        if not glass and self.hamiltonian.coupling == 0:
            raise ValueError("hamiltonian.coupling = 0 has no energy to learn")
        for other in self.shapes:
            if len(other) != len(shape):
                raise ValueError(f"sweep.shapes: {list(other)} has not the dimension of lattice.shape")
            if glass and other != shape:
                raise ValueError("sweep.shapes: a glass realization exists on its own lattice only")
        if self.uses_ednn:
            if glass and self.ednn.shared:
                raise ValueError(
                    "sweep.energies: one EDNN shared by all tiles cannot represent quenched disorder; set "
                    "ednn.shared = false, or take ['true', 'rnn'] for edwards_anderson"
                )
            if not self.ednn.shared and self.shapes != (shape,):
                raise ValueError(
                    "sweep.shapes: with ednn.shared = false the EDNN knows the observed lattice only"
                )
            for other, context in product((shape, *self.shapes), self.ednn.contexts):
                try:
                    Tiling(Lattice(other), self.ednn.focus, context)
                except ValueError as error:
                    raise ValueError(
                        f"lattice {list(other)} does not fit ednn.focus = {self.ednn.focus}, "
                        f"ednn.context = {context}: {error}; change the shape, focus or context"
                    ) from None
        return self

    def _fits(self, key: str, side: int, methods, key_of_methods: str) -> None:
        """Refuse tiles in which direct estimates cannot tell interactions apart, or that are too large."""
        shape, states = self.lattice.shape, getattr(self.hamiltonian, "states", 2)
        if min(shape) < 2 * side - 1:
            raise ValueError(
                f"{key}: tiles of side {side} meet themselves round the lattice {list(shape)}; take smaller "
                f"tiles, or sides of at least {2 * side - 1}"
            )
        size = states**side ** len(shape)
        for method in methods:
            if size > LARGEST[method]:
                raise ValueError(
                    f"{key}: a tile of side {side} has {size} states, more than the {LARGEST[method]} that "
                    f"'{method}' allows; take smaller tiles or other {key_of_methods}"
                )

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes to predict, the observed one if none are named."""
        return self.sweep.shapes or (self.lattice.shape,)

    @property
    def uses_ednn(self) -> bool:
        """Whether any stage needs the EDNN."""
        return "ednn" in self.sweep.energies

    @property
    def learned(self) -> list[str]:
        """Learned energies that any stage needs."""
        return [name for name, used in (("rnn", self.uses_rnn), ("ednn", self.uses_ednn)) if used]

    @property
    def compares(self) -> bool:
        """Whether any energy is compared with the true one, level by level."""
        return bool(self.learned) or self.direct is not None

    def is_trained(self, energy: str) -> bool:
        """Whether an energy, "rnn" or "ednn", is a network with learning curves."""
        return energy == "rnn" or self.ednn.is_network

    @property
    def trains_networks(self) -> bool:
        """Whether any stage trains a network."""
        return any(self.is_trained(energy) for energy in self.learned)

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
        return self.hamiltonian.kind == "edwards_anderson"

    @property
    def realizations(self) -> tuple[int, ...]:
        """Numbers of the realizations of an ensemble; empty for a single system."""
        return self.hamiltonian.numbers if self.is_glass else ()

    def of(self, realization: int) -> "Job":
        """The job of one realization of an ensemble: that of a single glass with this `instance`."""
        one = self.hamiltonian.model_copy(update={"instance": realization, "realizations": None})
        return self.model_copy(update={"hamiltonian": one})

    @property
    def stream_seed(self) -> int:
        """Seed of all random streams but the couplings'; every realization has its own."""
        number = self.hamiltonian.instance if self.is_glass else 0
        if number == 0:
            return self.seed
        sequence = np.random.SeedSequence(self.seed, spawn_key=(number,))
        return int(sequence.generate_state(1, np.uint64)[0])

    def build_lattice(self) -> Lattice:
        """The observed lattice."""
        return Lattice(self.lattice.shape)

    def build_hamiltonian(self, shape: tuple[int, ...] | None = None) -> hamiltonian.Hamiltonian:
        """The true Hamiltonian, on the observed lattice or on another shape."""
        return self.hamiltonian.build(Lattice(shape or self.lattice.shape), self.seed)

    def dependencies(self, stage: str, changed: bool = False) -> dict:
        """The values that a stage's result depends on, as plain JSON types.

        Parameters
        ----------
        changed : bool
            Leave out what has its default.
        """
        values = self.model_dump(mode="json", exclude_defaults=changed)
        if stage.startswith("ednn_context_"):
            values.setdefault("ednn", {})["context"] = int(stage.removeprefix("ednn_context_"))
            stage = "ednn"
        result = {key: values[key] for key in DEPENDENCIES[stage] if key in values}
        if "labels" in DEPENDENCIES[stage] and not self.uses_labels:
            result.pop("labels", None)
            if not (stage == "evaluate" and self.uses_rnn):
                result.pop("rnn", None)
        if stage == "import":  # how chains would have run does not matter
            result["observe"] = {"temperature": values["observe"]["temperature"]}
        if stage == "evaluate":
            result["energies"] = self.learned
        if "sweep" in result:  # other energies and shapes do not matter to this one
            energy = stage.removeprefix("sweep_")
            shared = ("temperatures", "ladders", "exchange", "rungs")
            result["sweep"] = {key: values["sweep"][key] for key in shared if key in values["sweep"]}
            result["sweep"]["lengths"] = list(self.sweep.lengths(energy))
        return result
