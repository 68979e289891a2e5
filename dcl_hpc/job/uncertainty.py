"""How far predictions can be wrong because observations were finite, as a job file asks it."""

from typing import Literal

from pydantic import Field

from .section import SWEEPS, Count, Section

# "auto": so many records of a chain at most, and not more often than every so many sweeps, which cost far
# more than a record then.
RECORDS, SPACING = 1000, 10


class Uncertainty(Section):
    """Errors of predictions: from the observations by which an energy was fitted."""

    bands: bool = Field(
        True, description="whether sweeps record what errors of the fit do; it has no effect on finished ones"
    )
    every: Count | Literal["auto"] = Field(
        "auto", description="time between these records", json_schema_extra=SWEEPS
    )

    def spacing(self, measured: int, slow: bool) -> int:
        """Sweeps between records of a sweep that measures so often, with an energy that may be `slow`."""
        if self.every != "auto":
            return min(self.every, measured)
        least = 1 if slow else min(SPACING, -(-measured // 10))
        return max(least, measured // RECORDS)
