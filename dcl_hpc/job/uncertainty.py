"""How far predictions can be wrong because observations were finite, as a job file asks it."""

from pydantic import Field, field_validator

from .section import Count, Section, Whole


class Uncertainty(Section):
    """Errors of predictions: from the observations by which an energy was fitted, and from its training."""

    members: Whole = Field(
        0,
        description="networks of a committee, each trained on half of what the network itself learns from; "
        "their spread is the error of training; 0: none",
    )
    epochs: Count | None = Field(
        None, description="passes over the data of a committee's members; left out: as the network itself"
    )

    @field_validator("members")
    @classmethod
    def _spread(cls, members):
        if members == 1:
            raise ValueError("one network has no spread; take 0 for none, or at least 2")
        return members
