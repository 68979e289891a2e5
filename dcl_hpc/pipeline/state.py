"""How far an output is, and why it cannot be used."""

from dataclasses import dataclass

from ..errors import UserError
from ..storage.progress import Progress

UPDATE = "make it anew with --update (the old file is moved aside, not deleted)"
# Of values that are no keys of a job file, but come from several.
SAID = {"sweep.lengths": "the length of the sweep (thermalization, measured)"}


class Outdated(UserError):
    """A file is there that is not what this job would make now."""


class OtherJob(Outdated):
    """A file is there that another job made."""


@dataclass(frozen=True)
class State:
    """How far an output is.

    Attributes
    ----------
    progress : Progress, optional
        None before it has begun, and if its file cannot be read.
    problem : Outdated, optional
        Why it must not be used.
    """

    progress: Progress | None = None
    problem: Outdated | None = None

    @property
    def current(self) -> bool:
        """Whether it is complete and can be used."""
        return self.problem is None and self.progress is not None and self.progress.complete


def first_difference(there, here, changed, where: str = "") -> str:
    """Where a file's values differ from this job's; keys that it did not know yet had their defaults.

    Parameters
    ----------
    changed : like `here`, without what has its default
    """
    if isinstance(there, dict) and isinstance(here, dict):
        changed = changed if isinstance(changed, dict) else {}
        for key in sorted({*there, *changed}):
            name = f"{where}.{key}" if where else key
            found = first_difference(there.get(key), here.get(key), changed.get(key), name)
            if found:
                return found
        return ""
    return "" if there == here else f"{SAID.get(where, where)} is {there} there and {here} in this job"
