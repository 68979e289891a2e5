"""A network itself, or a member of its committee: what either is trained on and with."""

from dataclasses import dataclass

import numpy as np

from ..sampling.halves import half
from ..sampling.streams import Purpose
from ..storage.complete import complete_rows
from ..storage.observations import correlated_blocks
from ..storage.rows import Rows, SomeRows


@dataclass(frozen=True)
class Member:
    """Who is trained.

    Parameters
    ----------
    number : int, optional
        In the committee; None for the network itself.
    """

    number: int | None = None

    @property
    def share(self) -> float:
        """Of the rows that the network learns from."""
        return 1.0 if self.number is None else 0.5

    def seed(self, job) -> int:
        """Of weights and batches."""
        if self.number is None:
            return job.stream_seed
        sequence = np.random.SeedSequence(job.stream_seed, spawn_key=(int(Purpose.MEMBERS), self.number))
        return int(sequence.generate_state(1, np.uint64)[0])

    def section(self, job, name: str, n: int):
        """How "rnn" or "ednn" is trained with n rows, as the section of the job says."""
        settings, epochs = {"validation": job.validation(name, n)}, job.uncertainty.epochs
        if self.number is not None and epochs is not None:
            settings["epochs"] = epochs
        return getattr(job, name).model_copy(update=settings)

    def observations(self, run):
        """Observed configurations that it learns from, a source for `training.batches.Batches`."""
        job, path = run.job, run.path("observe")
        rows = complete_rows(path, job.observe.incomplete, job.held_out)
        if self.number is None:
            return rows
        return self._half(rows, correlated_blocks(path)[rows.numbers], job)

    def labels(self, run):
        """Labelled configurations that it learns from, with their energies."""
        names = ["labels/states/value", "labels/energy/value"]
        rows = Rows(run.path("label"), names, n_states=run.job.hamiltonian.n_states)
        return rows if self.number is None else self._half(rows, np.arange(rows.n), run.job)

    def _half(self, rows, numbers: np.ndarray, job) -> SomeRows:
        return SomeRows(rows, half(numbers, job.stream_seed, self.number))


ITSELF = Member()
