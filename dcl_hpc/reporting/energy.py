"""An energy of a run, by its name."""

from ..energy.checked import CheckedEnergy
from ..energy.factory import ENERGIES, energy_model
from ..errors import UserError
from ..inference.local_energy import tile_model
from ..physics.shape import Shape
from ..pipeline.run import Run
from ..storage.evaluation import read_table


def energy_of(run: Run, name: str, shape: Shape) -> CheckedEnergy:
    """An energy on a shape, for anyone's configurations.

    Parameters
    ----------
    name : str
        One of `ENERGIES`, or a method of the direct estimates that the job compares with.

    Raises
    ------
    UserError
        If the run has no such energy, it is not learned yet, or does not hold on the shape.
    """
    job, observed = run.job, run.job.lattice.shape
    methods = () if job.direct is None else job.direct.methods
    if name not in (*ENERGIES, *methods):
        known = ", ".join(map(repr, (*ENERGIES, *methods)))
        raise UserError(f"this run has no energy {name!r}; it has {known}")
    if name == "true" and not job.has_truth:
        raise UserError("this run has no true energy: hamiltonian.kind = 'unknown'")
    if name not in methods and ENERGIES[name].learned and name not in job.learned:
        raise UserError(f"this run has no {ENERGIES[name].title}: sweep.energies does not name {name!r}")
    any_shape = name in methods or ENERGIES[name].any_shape
    bound = not any_shape or job.is_glass or (name == "ednn" and not job.ednn.shared)
    if bound and shape != observed:
        raise UserError(f"the energy {name!r} of this run exists on the observed lattice {observed} only")
    try:
        lattice = job.build_lattice(shape)
    except ValueError as error:
        raise UserError(f"shape {shape}: {error}") from None
    try:
        if name in ENERGIES:
            model = energy_model(run, name, shape)
        else:
            table, offsets = read_table(run.require("evaluate"), name, lattice.dimension)
            model = tile_model(lattice, job.hamiltonian.n_states, offsets, table)
    except ValueError as error:
        raise UserError(f"the energy {name!r} does not hold on the lattice {shape}: {error}") from None
    return CheckedEnergy(model, name)
