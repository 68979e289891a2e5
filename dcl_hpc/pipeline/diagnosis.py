"""Warnings about snapshots that were imported, before anything is learned from them."""

import numpy as np

from ..inference.diagnosis import MEASURED, diagnose
from ..storage import results
from ..storage.observations import leading_axes, observed_rows
from ..storage.stated import stated_temperature

# Snapshots for each site, below which networks for P(configuration) learn little.
RNN_NEEDS, ALIKE = 1000, 100
# Relative difference of temperatures that are the same.
SAME = 1e-3


def warnings(run) -> list[str]:
    """What a run's observations tell against its job; nothing about those of its own chains."""
    path, job = run.path("observe"), run.job
    observed = results.read_observed(path)
    if not observed["source"]:
        return []
    lattice, axes = job.build_lattice(), leading_axes(path)
    with observed_rows(path) as rows:
        inner = int(np.prod(axes[1:]))
        n = min(rows.n, MEASURED)
        leading = (n // inner, *axes[1:]) if n >= inner else (n,)
        states = rows.read(0, int(np.prod(leading)))[0]
    uniform = not job.is_glass
    found = [one.text for one in diagnose(states, lattice, job.hamiltonian.n_states, leading, uniform)]
    stated, given = stated_temperature(observed["source"]), job.observe.temperature
    if stated is not None and abs(stated - given) > SAME * given:
        found.append(
            f"the file states the temperature {stated:g}, the job {given:g}; set observe.temperature, unless "
            "the units differ"
        )
    if (tau := observed["autocorrelation_time"]) > 1:
        found.append(
            f"configurations are correlated (autocorrelation time {tau:.1f}): {int(np.ceil(2 * tau))} are "
            "worth one independent one, and errors are those of long blocks; a longer series would help"
        )
    needed = (ALIKE if uniform and job.rnn.symmetric else RNN_NEEDS) * lattice.n_sites
    if job.uses_rnn and observed["samples"] < needed:
        found.append(
            f"{observed['samples']} snapshots are few for the RNN, which learns well from {needed} or more; "
            + ('direct estimates need less: ednn.fit = "clusters"' if uniform else "'direct' needs less")
        )
    return found
