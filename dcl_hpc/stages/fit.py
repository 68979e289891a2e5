"""One training as a stage of a run: batches, checkpoints, restarts, progress."""

import json
import shutil
from dataclasses import asdict

import numpy as np

from ..cluster import mpi
from ..cluster.signals import Stopped
from ..errors import UserError
from ..pipeline.context import Context
from ..storage import weights
from ..storage.documents import is_behind_link


class Fit:
    """The training of one network, from where its file left it.

    Parameters
    ----------
    context : Context
    stage : str
        Names the file.
    section : job.Training
    network : tf.Module
    loss : callable
        See `training.loop.Trainer`.
    source : object with `n` and `read`
        See `training.batches.Batches`.
    settings : dict of plain values
        Kept in the file.
    seed : int
        Of the order of batches.
    symmetry : optional
        See `training.batches.Batches`.

    Raises
    ------
    UserError
        If there are too few rows, or the file is damaged.
    """

    def __init__(
        self, context: Context, stage: str, section, network, loss, source, settings: dict, seed: int,
        symmetry=None,
    ):  # fmt: skip
        from ..training.batches import Batches
        from ..training.loop import State, Trainer

        run, parallel = context.run, context.parallel
        self.context, self.stage, self.settings = context, stage, dict(settings)
        self.section, self.path = section, run.path(stage)
        self.attributes = run.attributes(stage) if parallel.rank == 0 else {}
        try:
            self.batches = Batches(
                source, section.batch, section.validation, seed, parallel.rank, parallel.size, symmetry
            )
        except ValueError as error:
            raise UserError.everywhere(f"{stage}: {error}") from None
        self.trainer = Trainer(network.trainable_variables, loss, self.batches, parallel, section)
        self.curves = self.path.parent / "tensorboard" / stage
        if mpi.on_root(context.comm, self.path.exists):
            saved, arrays, history = weights.load(self.path)
            self.trainer.restore(State(**saved["state"]), arrays, history)
        elif parallel.rank == 0 and not is_behind_link(self.curves, run.root):
            shutil.rmtree(self.curves, ignore_errors=True)

    def run(self, baseline: np.ndarray | None = None) -> None:
        """Train to the end and take the best weights; `save(finished=True)` is left to do.

        Parameters
        ----------
        baseline : ndarray, optional
            See `training.loop.Trainer.run`.

        Raises
        ------
        Stopped
            After a checkpoint, if a signal asks for it.
        UserError
            If the training diverges.
        """
        from ..training import curves

        context, trainer, batch, stop = self.context, self.trainer, self.section.batch, self.context.stop
        done = trainer.steps
        context.log(
            f"train {self.stage}: {self.batches.n_training} configurations, {self.section.epochs} epochs, "
            f"global batch {batch} on {context.parallel.name}" + (f", from step {done}" if done else "")
        )
        record = curves.Recorder(self.curves, context.log) if context.parallel.rank == 0 else None
        total = trainer.total * batch
        with context.log.progress(f"train {self.stage}", total, done * batch, "cfg") as progress:
            finished = trainer.run(self.save, progress, lambda: stop.agreed(context.comm), baseline, record)
        if not finished:
            raise Stopped
        trainer.use_best()

    def save(self, finished: bool = False, **arrays) -> None:
        """Write a checkpoint; rank 0 works."""
        if self.context.parallel.rank == 0:
            trainer = self.trainer
            section = json.loads(self.section.model_dump_json())
            described = {**self.settings, "state": asdict(trainer.state), "section": section}
            total = trainer.total + 1  # the last step is what follows the training
            weights.save(
                self.path, self.attributes, described, {**trainer.arrays(), **arrays}, trainer.history,
                total if finished else trainer.steps, total, trainer.state.wall,
            )  # fmt: skip

    @property
    def result(self) -> dict[str, float]:
        """What the best validation found."""
        best = int(np.argmin(self.trainer.history["validation"]))
        return {name: values[best] for name, values in self.trainer.history.items()}
