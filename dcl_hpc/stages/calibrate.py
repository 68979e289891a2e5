"""Calibrate a network's energy by the observations."""

import time

import numpy as np

from ..cluster import mpi
from ..energy.calibrated import differences
from ..energy.direct import spread
from ..energy.factory import energy_model
from ..errors import UserError
from ..inference import glass
from ..inference.bonds import Spins
from ..inference.calibration import Calibration, unchanged
from ..inference.calibration import calibrate as weigh
from ..inference.estimate import described, estimate
from ..inference.glass import BondEnergy
from ..inference.local_energy import LocalEnergy
from ..inference.samples import Samples
from ..pipeline.context import Context
from ..storage import identity, weights
from ..storage.complete import complete_rows
from ..storage.observations import correlated_blocks

# Observations of which some interactions are chosen; their couplings are then fitted to all.
SELECTION = 200_000
# An error of the weight that is worth a line.
UNDECIDED = 0.1
# Configurations that a rank gives a network at a time, and most numbers of all that it gives back.
BLOCK, MOST = 500, 2**27


def calibrate(context: Context, output: str) -> None:
    """Make one calibration of a job; rank 0 fits, all ranks ask the network."""
    run, comm, job = context.run, context.comm, context.run.job
    energy, started = output.split("_")[1], time.monotonic()
    model = energy_model(run, energy, calibrated=False)
    with complete_rows(run.path("observe"), job.observe.incomplete, job.held_out) as source:
        most = MOST // (model.lattice.n_sites * model.n_states)
        trained = "ednn" if energy == "ednn" and not job.uses_labels else "rnn"
        unseen = int(np.ceil(job.validation(trained, source.n) * source.n))  # by those that were trained
        rows = _rows(source.n - unseen, unseen, min(job.calibration.asked(energy), most))
        given = _ask(context, output, model, source, rows)
        n = min(source.n, max(job.calibration.samples, unseen))
        mpi.on_root(comm, _fit, context, output, source, n, rows, given, started)


def _rows(first: int, n: int, most: int) -> np.ndarray:
    """At most so many of n rows from a first one, evenly spread."""
    count = min(n, most)
    return first + np.arange(count) * n // count


def _ask(context, output: str, model, source, rows) -> np.ndarray:
    """What a site would cost by the network in each of its states, over -T_o, for all rows, on all ranks."""
    comm, parts = context.comm, []
    temperature = context.run.job.observe.temperature
    mine = rows[mpi.share(comm, len(rows))]
    with context.log.progress(output, len(rows), unit="cfg") as progress:
        for k in range(0, -(-len(rows) // comm.size), BLOCK):
            if len(block := mine[k : k + BLOCK]):
                states = source.read(block[0], block[-1] + 1)[0][block - block[0]]
                parts.append(-differences(model, states) / np.float32(temperature))
            progress.step(BLOCK * comm.size)
            context.stop.check(comm)
    empty = np.empty((0, model.lattice.n_sites, model.n_states), np.float32)
    return mpi.gather(comm, np.concatenate([empty, *parts]))


def _fit(context, output: str, source, n: int, rows: np.ndarray, given: np.ndarray, started: float) -> None:
    """Fit couplings and weight, and write them; not collective."""
    run, job, log = context.run, context.run.job, context.log
    states = source.read(source.n - n, source.n)[0]
    blocks = correlated_blocks(run.path("observe"))[source.numbers][source.n - n :]
    law, t = _interactions(context, output, states, blocks), job.observe.temperature
    if isinstance(law, BondEnergy):
        observations = Spins.of(states, t, blocks)
    else:
        window = law.interactions.words.window
        observations = Samples(states, job.build_lattice(), t, window, blocks=blocks)
    try:
        found = weigh(observations, law, rows - (source.n - n), given)
    except ValueError as error:
        log(f"{output}: the network's energy is left as it is ({error})")
        found = unchanged(law)
    about, arrays = _kept(found)
    settings = {
        "weight": found.weight, "weight_error": found.weight_error, "rest": found.rest,
        "scale": _plain(found.scale), "scale_error": _plain(found.scale_error), "samples": n,
        "network_samples": len(rows), "symmetry": law.symmetry,
    } | about  # fmt: skip
    weights.save(
        run.path(output), run.attributes(output), settings, arrays, {}, 1, 1, time.monotonic() - started
    )
    if not np.isnan(found.scale):
        log(f"{output}: scale of the network's energy {found.scale:.4f} +- {found.scale_error:.4f}")
    if (n := len(found.law.coupling)) and found.rest:
        log(
            f"{output}: beside {n} interactions the rest of the network"
            f" ({found.rest:.2g} of its differences) has the weight"
            f" {found.weight:.2f} +- {found.weight_error:.2f}"
        )
        if found.weight_error > UNDECIDED:
            log(
                f"{output}: {len(rows)} observations that no network was trained with leave that open; "
                "a larger rnn.validation or ednn.validation holds out more, or observe more"
            )


def _kept(found: Calibration) -> tuple[dict, dict[str, np.ndarray]]:
    """What of the law is kept, as plain values and as arrays."""
    law, covariance = found.law, found.covariance
    if isinstance(law, BondEnergy):
        bonds = law.interactions
        return {"interactions": [], "bonds": len(bonds)}, {
            "pairs": bonds.pairs, "sites": bonds.sites, "coupling": found.correction.coupling,
            "projection": found.projection, "covariance": covariance,
        }  # fmt: skip
    every = np.concatenate([[0], 1 + law.order])  # as the functions are
    return {
        "offsets": law.window.offsets.tolist(), "functions": spread(law)[0], "interactions": described(law),
    }, {
        "table": found.correction.table(law.window), "projection": found.projection[law.order],
        "covariance": covariance[np.ix_(every, every)],
    }  # fmt: skip


def _plain(value: float) -> float | None:
    """A number for a document, None where nothing is known."""
    return None if np.isnan(value) else value


def _interactions(context, output: str, states: np.ndarray, blocks: np.ndarray) -> LocalEnergy | BondEnergy:
    """What the observations call for, of a glass a coupling for each bond; nothing if it cannot be found."""
    job, lattice, q = context.run.job, context.run.job.build_lattice(), context.run.job.hamiltonian.n_states
    # they are the same for all energies that are calibrated with the same observations
    key = "interactions", identity.read(context.run.path("observe")).uuid, len(states)
    if key in context.found:
        return context.found[key]
    try:
        if job.is_glass:
            law = glass.fit(Spins.of(states, job.observe.temperature, blocks), lattice)
        elif job.uses_ednn and not job.ednn.shared:
            return LocalEnergy.nothing(lattice.dimension, q)
        else:
            some = slice(None, None, -(-len(states) // SELECTION))
            tile = job.tile.offsets(lattice), job.tile.without
            law = estimate(job, "clusters", states[some], *tile, blocks[some])
        return context.found.setdefault(key, law)
    except (UserError, ValueError) as error:
        context.log(f"{output}: only the scale is fitted ({error})")
    return LocalEnergy.nothing(lattice.dimension, q)
