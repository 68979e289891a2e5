"""A kind of study: the table of its stages, what each makes, from what, and what it needs to run.

Everything that has to know the stages reads this table: running, status, submission, locks, messages.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import UserError
from ..job.base import AnyJob
from ..job.resources import Resources


@dataclass(frozen=True)
class Stage:
    """One kind of work.

    Attributes
    ----------
    name : str
    run : str
        "module:function" in this package; the function takes a `Context` and the name of the output, and is
        called only if that is not complete.
    command : str
        What a user types after `python -m dcl_hpc.`.
    file : str
        Path of an output in the folder of the run; {} is what follows the stage's name, or "network".
    wanted : callable (job)
        Names of the outputs that a job asks for, in order.
    needs : callable (job, output)
        Names of the outputs that it reads.
    depends_on : tuple of str
        Sections of the job file that its outputs depend on.
    resources : Resources
        What a batch job asks for, unless the job file says otherwise.
    steps : callable (job)
        Names of files on the way, which only this stage reads.
    more : callable (output)
        Sections of the job file that one of its outputs depends on besides.
    networks : callable (job)
        Whether it works with TensorFlow.
    most_ranks : callable (job)
        How many ranks can share an output; 0 if any number can.
    always : bool
        Whether `run` is called even if the output is complete, to show it.
    """

    name: str
    run: str
    command: str
    file: str
    wanted: Callable[[AnyJob], tuple[str, ...]]
    needs: Callable[[AnyJob, str], tuple[str, ...]]
    depends_on: tuple[str, ...]
    resources: Resources
    steps: Callable[[AnyJob], tuple[str, ...]] = lambda job: ()
    more: Callable[[str], tuple[str, ...]] = lambda output: ()
    networks: Callable[[AnyJob], bool] = lambda job: False
    most_ranks: Callable[[AnyJob], int] = lambda job: 0
    always: bool = False

    def path(self, output: str) -> str:
        """Path of an output in the folder of the run."""
        return self.file.format(output.partition("_")[2] or "network")

    def sections(self, output: str) -> tuple[str, ...]:
        """Sections of the job file that an output depends on."""
        return tuple(dict.fromkeys((*self.depends_on, *self.more(output))))

    def perform(self, context, output: str) -> None:
        """Do the work; its module is imported now, since not all of them need the same libraries."""
        load(self.run)(context, output)


@dataclass(frozen=True)
class Study:
    """Stages in order, and what is special about some of them.

    Attributes
    ----------
    stages : tuple of Stage
    imported : str
        The output that may be the user's own instead of made here; empty if there is none.
    leading : str
        The output of an ensemble's first realization that those of the others may begin with, if the job
        wants a `warm_start`.
    led : tuple of str
        Beginnings of the names of the outputs that do so.
    together : str
        What follows when all realizations of an ensemble are done, as `Stage.run`.
    instead : str
        What can be done without TensorFlow.
    """

    stages: tuple[Stage, ...]
    imported: str = ""
    leading: str = ""
    led: tuple[str, ...] = ()
    together: str = ""
    instead: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the stages, in order."""
        return tuple(stage.name for stage in self.stages)

    def results(self, job: AnyJob) -> tuple[str, ...]:
        """All outputs that a job asks for but the report, in order."""
        return tuple(output for stage in self.stages[:-1] for output in stage.wanted(job))

    def stage(self, output: str) -> Stage:
        """The stage that makes an output."""
        return next(stage for stage in self.stages if stage.name == output.partition("_")[0])

    def chosen(self, names) -> tuple[str, ...]:
        """Of stages that were asked for those that this study has, in its order; raises UserError if none."""
        if found := tuple(name for name in self.names if name in names):
            return found
        raise UserError(f"{names[0]}: this study has no such stage; there are {', '.join(self.names)}")


def load(function: str) -> Callable:
    """A function of this package by "module:function"."""
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(f"..{module}", __package__), name)
