"""What all sections of a job file are made of: their base, numbers with limits, units."""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict

# Products of a few of them are told in `needs`; none of these is more than any machine does.
MOST = 10**12
Count = Annotated[int, Field(ge=1, le=MOST)]
Whole = Annotated[int, Field(ge=0, le=MOST)]
# Passes over data, and looks at it within each.
Passes = Annotated[int, Field(ge=1, le=1_000_000)]
# As single precision has them, with room for squares.
Positive = Annotated[float, Field(ge=1e-18, le=1e18)]
# Between them a Boltzmann factor of a coupling near 1 J is a number that differs from 0 and 1; see `needs`.
Temperature = Annotated[float, Field(ge=1e-6, le=1e6)]
# Lists of TOML stand for tuples.
One = TypeVar("One")
Many = Annotated[tuple[One, ...], Strict(False)]
# Sites of a cluster, by their offsets on the grid.
Sites = Annotated[Many[Many[Annotated[int, Field(ge=-1000, le=1000)]]], Field(min_length=1, max_length=64)]
# Unit cells along each axis, and how an axis ends.
Cells = Annotated[Many[Annotated[int, Field(ge=2, le=MOST)]], Field(min_length=1, max_length=4)]
Boundary = Literal["periodic", "open"]
Coupling = Annotated[float, Field(ge=-1e12, le=1e12)]
Share = Annotated[float, Field(ge=0, le=1e18)]

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
    """Base of all sections: immutable, unknown keys refused, and values of another type.

    An integer stands for a number, but neither does a number for an integer nor text for anything else.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", serialize_by_alias=True, strict=True, allow_inf_nan=False
    )
