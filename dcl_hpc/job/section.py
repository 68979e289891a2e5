"""What all sections of a job file are made of: their base, numbers with limits, units."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
# Unit cells along each axis, and how an axis ends.
Cells = Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(min_length=1, max_length=4)]
Boundary = Literal["periodic", "open"]
Coupling = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]

# Units of keys, as the reference and the JSON schema tell them.
ENERGY = {"unit": "J"}
TEMPERATURE = {"unit": "J/k_B"}
SWEEPS = {"unit": "sweeps"}

# Files that a key may name instead of numbers, by their ending, and those keys; files are read before the
# job is validated.
FILES = (".npy", ".txt", ".dat", ".csv")
NAMED = ("hamiltonian.couplings", "hamiltonian.field", "lattice.absent")
A_PATH = {"type": "string", "pattern": f"({'|'.join(FILES).replace('.', '[.]')})$"}


class Section(BaseModel):
    """Base of all sections: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)
