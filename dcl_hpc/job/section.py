"""What all sections of a job file are made of: their base, numbers with limits, units."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Coupling = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]

# Units of keys, as the reference and the JSON schema tell them.
ENERGY = {"unit": "J"}
TEMPERATURE = {"unit": "J/k_B"}
SWEEPS = {"unit": "sweeps"}


class Section(BaseModel):
    """Base of all sections: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
