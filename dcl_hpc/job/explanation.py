"""Whether a learned energy explains snapshots, as a job file asks it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_serializer

from .section import MOST, SWEEPS, TEMPERATURE, Count, Many, Section, Temperature, Whole

# Share of the snapshots that no learner sees, where they are to test what was learned.
HELD_OUT = 0.2


class OtherSnapshots(Section):
    """Snapshots at another temperature, which predictions are tested against."""

    temperature: Temperature = Field(description="of these snapshots", json_schema_extra=TEMPERATURE)
    source: str = Field(
        alias="from",
        min_length=1,
        description="file of them, as for observe --from, relative to the job file",
    )

    @field_serializer("source")
    def _name(self, source, info):
        return Path(source).name if (info.context or {}).get("digest") else source


class Check(Section):
    """Do learned energies explain the snapshots? Chains at T_o against snapshots that no learner saw."""

    wanted: bool | Literal["auto"] = Field("auto", description="auto: where the Hamiltonian is unknown")
    held_out: Annotated[float, Field(gt=0, lt=1)] | Literal["auto"] = Field(
        "auto",
        description=f"share of the observations for it, the last ones; auto: {HELD_OUT} if wanted, or 0",
    )
    samples: Count = Field(100_000, description="snapshots to compare with, at most")
    chains: Annotated[int, Field(ge=32, le=MOST)] = Field(
        256, description="independent chains of each energy"
    )
    thermalization: Whole = Field(
        500, description="time before the first measurement", json_schema_extra=SWEEPS
    )
    sweeps: Annotated[int, Field(ge=10, le=MOST)] = Field(
        2000, description="time of measurement", json_schema_extra=SWEEPS
    )
    sets: Many[OtherSnapshots] = Field(
        (), description="snapshots at other temperatures; [[check]] is short for [[check.sets]]"
    )
