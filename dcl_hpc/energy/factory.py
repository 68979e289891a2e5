"""The energies that there are, and the model of each from a run's files."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from .model import EnergyModel


@dataclass(frozen=True)
class Energy:
    """An energy that chains can sample from.

    Parameters
    ----------
    name : str
        In job files and results.
    title : str
        In reports.
    make : callable
        The energy model of a run and a shape; imports what it needs when it is called.
    sections : tuple of str
        Sections of a job that it depends on, besides the lattice and its Hamiltonian.
    stage : str, optional
        Stage that learns it; None if it is given.
    any_shape : bool
        Whether it holds on other shapes than the observed one.
    slow : bool
        Whether its sweeps are so slow that they have lengths of their own.
    member : callable, optional
        The energy model of one member of a committee, of a job, a shape, and its settings and arrays.
    """

    name: str
    title: str
    make: Callable[..., EnergyModel]
    sections: tuple[str, ...] = ()
    stage: str | None = None
    any_shape: bool = True
    slow: bool = False
    member: Callable[..., EnergyModel] | None = None

    @property
    def learned(self) -> bool:
        """Whether it is learned from observations."""
        return self.stage is not None


def _true(run, shape):
    from .true import TrueEnergy

    settings = run.job.sweep
    return TrueEnergy(run.job.build_hamiltonian(shape), settings.ladders * len(settings.listed))


def _rnn(run, shape):
    network = run.job.build_rnn()  # first, since this is how TensorFlow is imported quietly
    from .rnn import of_run

    return of_run(run, network)


def _rnn_member(job, shape, settings, arrays):
    network = job.build_rnn()
    from .rnn import of_weights

    return of_weights(job, network, settings, arrays)


def _ednn(run, shape):
    from .ednn import of_run

    return of_run(run, shape)


def _ednn_member(job, shape, settings, arrays):
    from .ednn import of_weights

    return of_weights(job, shape, settings, arrays)


def _direct(run, shape):
    if run.job.is_glass:
        from . import bonds

        return bonds.of_run(run)
    from .direct import of_run

    return of_run(run, shape)


ENERGIES = {
    energy.name: energy
    for energy in (
        Energy("true", "true Hamiltonian", _true),
        Energy(
            "rnn",
            "RNN",
            _rnn,
            ("observe", "rnn"),
            stage="rnn",
            any_shape=False,
            slow=True,
            member=_rnn_member,
        ),
        Energy(
            "ednn",
            "EDNN",
            _ednn,
            ("observe", "rnn", "labels", "ednn"),
            stage="ednn",
            member=_ednn_member,
        ),
        Energy("direct", "direct estimate", _direct, ("observe", "direct"), stage="direct"),
    )
}
LEARNED = tuple(name for name, energy in ENERGIES.items() if energy.learned)


def energy_model(
    run, energy: str, shape: tuple[int, ...] | None = None, calibrated: bool = True
) -> EnergyModel:
    """The energy model of a name in `ENERGIES`, on the observed lattice or another shape.

    If the job asks for a committee, it has `training_modes`, see `committee.Committee`, which need the
    committee's file only when they are called.

    Parameters
    ----------
    calibrated : bool
        Whether a network's energy is calibrated, if the job wants it; otherwise it is as it was trained.

    Raises
    ------
    UserError
        If a file that it needs is missing, unfinished or another job's.
    """
    shape = shape or run.job.lattice.shape
    model = ENERGIES[energy].make(run, shape)
    if energy in run.job.committees:
        from . import committee

        make = partial(ENERGIES[energy].member, run.job, shape)
        model.training_modes = committee.of_run(run, energy, make).training_modes
    if not (calibrated and run.job.calibrates(energy)):
        return model
    from .calibrated import of_run

    return of_run(run, energy, model, ENERGIES[energy].slow)
