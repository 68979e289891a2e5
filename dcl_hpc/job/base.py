"""What a run asks of its job, whatever kind of study it describes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field

from .needs import Need
from .section import Section

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class AnyJob(Section):
    """A whole study: one with the keys `study`, `name`, `seed` and `resources`, and sections of its own.

    Attributes
    ----------
    realizations : tuple of int
        Numbers of the realizations of an ensemble; empty for a single system.
    warm_start : bool
        Whether what the first realization learns is what the others begin with.
    source : str, optional
        File of the user's own configurations, which stand for those that would be made.
    needs_snapshots : bool
        Whether it cannot do without some.
    """

    realizations: ClassVar[tuple[int, ...]] = ()
    warm_start: ClassVar[bool] = False
    source: ClassVar[str | None] = None
    needs_snapshots: ClassVar[bool] = False

    @classmethod
    def load(cls, path: str | Path, overrides: Mapping[str, object] | Sequence[str] = ()) -> Self:
        """The job of a file.

        Parameters
        ----------
        path : path of a TOML file
        overrides : mapping or sequence of str
            {"rnn.epochs": 3}, or ["rnn.epochs=3"] as on the command line.

        Raises
        ------
        UserError
            If the file is missing, malformed or invalid.
        """
        from .file import load  # which knows all kinds of studies, also this one

        return load(path, overrides)[0]

    @classmethod
    def from_dict(cls, document: dict, overrides: Mapping[str, object] | Sequence[str] = ()) -> Self:
        """The job that a nested dict describes, as a job file does or `model_dump_json` has written.

        Paths of files in it count from the working directory. Raises UserError if it is invalid.
        """
        from .file import from_dict

        return from_dict(document, overrides)

    @classmethod
    def schema_of_files(cls) -> dict:
        """JSON schema of its job files."""
        return cls.model_json_schema()

    @property
    def places(self) -> dict[str, object]:
        """Keys that name files or folders outside of the job file's own, with absolute paths as values."""
        return {}

    @property
    def needs(self) -> dict[str, Need]:
        """What stages need at least, by their names."""
        return {}

    def dependencies(
        self, output: str, sections: tuple[str, ...], changed: bool = False, imported: bool = False
    ) -> dict:
        """The values that an output of a stage depends on, as plain JSON types.

        Parameters
        ----------
        sections : tuple of str
            Those that matter to the stage.
        changed : bool
            Leave out what has its default.
        imported : bool
            Whether the observations are the user's own.
        """
        raise NotImplementedError

    @property
    def about(self) -> str:
        """What is studied, in a few words."""
        raise NotImplementedError
