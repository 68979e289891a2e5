"""What is simulated, as a job file describes it: observations, the test set, sweeps over temperatures."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, field_serializer, field_validator, model_validator

from ..energy.factory import ENERGIES
from ..physics.shape import Shape
from .section import (
    ENERGY,
    MOST,
    SWEEPS,
    TEMPERATURE,
    Boundary,
    Cells,
    Count,
    Many,
    Positive,
    Section,
    Temperature,
    Whole,
)  # fmt: skip

# Temperatures of a ladder in all: those listed and others between them for equal acceptance; "auto" takes as
# many as keep every acceptance rate above one half.
MOST_TEMPERATURES = 1000
Rungs = Annotated[int, Field(ge=2, le=MOST_TEMPERATURES)] | Literal["auto"]


class ObserveExchange(Section):
    """Each chain becomes a ladder of replicas, of which the one at the temperature is recorded."""

    hottest: Temperature = Field(description="highest temperature of a ladder", json_schema_extra=TEMPERATURE)
    rungs: Rungs = Field("auto", description="temperatures of the ladder in all; auto keeps acceptance > 1/2")


class Observe(Section):
    """Observations at one temperature: by Metropolis chains of the true Hamiltonian, or snapshots.

    Of an unknown system the temperature may be left out: it is 1 then, energies are in k_B T_o and
    temperatures in T_o.
    """

    temperature: Temperature = Field(
        description="the one temperature at which the system is observed", json_schema_extra=TEMPERATURE
    )
    source: str | None = Field(
        None, min_length=1,
        description="file of snapshots to take instead of simulating, as --from does; from the job's folder",
    )  # fmt: skip
    samples: Count = Field(1_000_000, description="configurations to record, a multiple of chains")
    chains: Count = Field(1000, description="independent Markov chains")
    thermalization: Whole = Field(500, description="time before the first record", json_schema_extra=SWEEPS)
    thin: Count | Literal["auto"] = Field(
        "auto",
        description="time between records; auto is twice the autocorrelation time",
        json_schema_extra=SWEEPS,
    )
    exchange: ObserveExchange | None = Field(None, description="replica exchange with hotter replicas")
    incomplete: Literal["refuse", "skip"] = Field(
        "refuse",
        description="snapshots with lost atoms, of which networks can make nothing: skip leaves them out",
    )

    @model_validator(mode="after")
    def _whole_records(self):
        found = []
        if self.samples % self.chains:
            nearest = max(1, round(self.samples / self.chains)) * self.chains
            found.append(
                f"samples = {self.samples} is not a multiple of chains = {self.chains}; "
                f"take samples = {nearest}"
            )
        if self.exchange and self.exchange.hottest <= self.temperature:
            found.append(
                f"exchange.hottest = {self.exchange.hottest} is not above temperature = {self.temperature}"
            )
        if found:
            raise ValueError("\n".join(found))
        return self


class Levels(Section):
    """Test set: configurations of every energy level, never used in training."""

    per_level: Count = Field(1000, description="configurations of each level, as far as they are found")
    width: Positive | None = Field(
        None, description="bin of a continuous spectrum; left out: the model's own levels, or 1/50 of the "
        "spectrum", json_schema_extra=ENERGY,
    )  # fmt: skip
    ladders: Count = Field(8, description="ladders of chains that look for levels")
    # the first 200 are thermalization, see `sampling.levels`
    max_sweeps: int = Field(
        20_000, gt=200, le=MOST, description="longest search for levels", json_schema_extra=SWEEPS
    )


class Grid(Section):
    """Equally spaced temperatures, both ends included."""

    start: Temperature = Field(description="lowest temperature", json_schema_extra=TEMPERATURE)
    stop: Temperature = Field(description="highest temperature", json_schema_extra=TEMPERATURE)
    step: Temperature = Field(description="from one temperature to the next", json_schema_extra=TEMPERATURE)

    @property
    def listed(self) -> np.ndarray:
        """The temperatures in ascending order, float64."""
        n = int(np.floor((self.stop - self.start) / self.step + 1e-9)) + 1
        return np.round(self.start + self.step * np.arange(n), 12)


class Edges(Section):
    """A lattice to predict with other edges than the observed one; it has all sites."""

    shape: Cells = Field(description="as lattice.shape")
    boundary: Boundary = Field(description="ends of all axes")


class Sweep(Section):
    """Predictions: Metropolis with replica exchange over temperatures, for each energy and shape.

    Left out, energies are those that the job learns anyway: of an unknown system the direct estimate, beside
    ednn.fit = "clusters" or "table" no RNN; temperatures of an unknown system go from T_o / 2 to 2 T_o.
    """

    energies: Many[Literal[*ENERGIES]] = Field(
        ("true", "rnn", "ednn"), min_length=1, description="energies to sweep with"
    )
    shapes: Many[
        Annotated[
            Annotated[Cells, Tag("list")] | Annotated[Edges, Tag("table")],
            Discriminator(lambda value: "table" if isinstance(value, (dict, Edges)) else "list"),
        ]] = Field(
        (), description="lattices to predict, each as lattice.shape, or a table of shape and boundary; none: "
        "the observed one",
    )  # fmt: skip
    temperatures: Annotated[
        Annotated[Many[Temperature], Field(max_length=MOST_TEMPERATURES), Tag("list")]
        | Annotated[Grid, Tag("grid")],
        Discriminator(lambda value: "grid" if isinstance(value, (dict, Grid)) else "list"),
    ] = Field(description="temperatures to predict, a list or a grid", json_schema_extra=TEMPERATURE)
    ladders: Annotated[int, Field(ge=2, le=MOST)] = Field(16, description="independent ladders of replicas")
    thermalization: Whole = Field(
        500, description="time before the first measurement", json_schema_extra=SWEEPS
    )
    sweeps: Annotated[int, Field(ge=2, le=MOST)] = Field(
        5000, description="time of measurement, once a sweep", json_schema_extra=SWEEPS
    )
    rnn_thermalization: Whole = Field(
        100, description="as thermalization, for the RNN", json_schema_extra=SWEEPS
    )
    rnn_sweeps: Annotated[int, Field(ge=2, le=MOST)] = Field(
        500, description="as sweeps, for the RNN", json_schema_extra=SWEEPS
    )
    start: Literal["random", "uniform"] = Field(
        "random",
        description="where chains start; uniform: all sites in one state, drawn for each chain, for large "
        "lattices far below a transition, where walls between domains hardly move",
    )
    exchange: bool = Field(True, description="whether neighbouring temperatures exchange replicas")
    rungs: Rungs = Field("auto", description="temperatures of the ladder in all; auto keeps acceptance > 1/2")

    @field_validator("shapes")
    @classmethod
    def _as_shapes(cls, shapes):
        return tuple(
            Shape(one.shape, one.boundary) if isinstance(one, Edges) else Shape(one) for one in shapes
        )

    @field_serializer("shapes")
    def _plain(self, shapes) -> list:
        return [
            {"shape": list(shape), "boundary": shape.boundary} if shape.boundary else list(shape)
            for shape in shapes
        ]

    def lengths(self, energy: str) -> tuple[int, int]:
        """Sweeps of thermalization and of measurement with an energy."""
        if ENERGIES[energy].slow:
            return self.rnn_thermalization, self.rnn_sweeps
        return self.thermalization, self.sweeps

    @property
    def listed(self) -> np.ndarray:
        """Temperatures to predict in ascending order, float64; the ladder may have more."""
        t = self.temperatures
        return t.listed if isinstance(t, Grid) else np.unique(t)

    @model_validator(mode="after")
    def _ladder_has_rungs(self):
        if len(self.listed) < 2:
            raise ValueError("temperatures must name at least two temperatures")
        if self.rungs != "auto" and self.rungs < len(self.listed):
            raise ValueError(f"rungs = {self.rungs} is less than the {len(self.listed)} listed temperatures")
        return self
