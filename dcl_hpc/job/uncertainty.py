"""How far predictions can be wrong because observations were finite, as a job file asks it."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from .section import SWEEPS, Count, Passes, Section

# "auto": so many records of a chain at most, and not more often than every so many sweeps, which cost far
# more than a record then.
RECORDS, SPACING = 1000, 10


class Uncertainty(Section):
    """Errors of predictions: from the observations by which an energy was fitted, and from its training."""

    bands: bool = Field(
        True, description="whether sweeps record what errors of the fit do; it has no effect on finished ones"
    )
    every: Count | Literal["auto"] = Field(
        "auto", description="time between these records", json_schema_extra=SWEEPS
    )
    members: Annotated[int, Field(ge=0, le=1000)] = Field(
        0,
        description="networks of a committee, each trained on half of what the network itself learns from; "
        "their spread is the error of training; 0: none",
    )
    epochs: Passes | None = Field(
        None, description="passes over the data of a committee's members; left out: as the network itself"
    )

    @field_validator("members")
    @classmethod
    def _spread(cls, members):
        if members == 1:
            raise ValueError("one network has no spread; take 0 for none, or at least 2")
        return members

    def spacing(self, measured: int, slow: bool) -> int:
        """Sweeps between records of a sweep that measures so often, with an energy that may be `slow`."""
        if self.every != "auto":
            return min(self.every, measured)
        least = 1 if slow else min(SPACING, -(-measured // 10))
        return max(least, measured // RECORDS)
