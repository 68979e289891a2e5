"""The law that was found, for people: interactions by picture and in words, and what other energies hold."""

import base64

import numpy as np

from ..energy.bonds import CONVENTION as BONDS
from ..energy.direct import convention
from ..energy.factory import ENERGIES
from ..inference.projection import forms, project
from ..physics.geometry import Geometry
from ..pipeline.run import Run
from ..sampling.streams import Purpose, generator
from ..storage.observations import observed_rows
from .pictures import picture
from .words import in_words

# Interactions of one estimate on the page, strongest first.
SHOWN = 20
# Random configurations and snapshots that an energy's parts are found with: at most, and sites of all.
CONFIGURATIONS, SITES = 4096, 2**20
# Fewer snapshots do not tell.
FEWEST = 200


def energies_to_read(job) -> list[str]:
    """Learned energies of a job that no list of interactions stands for."""
    if job.is_glass:
        return []
    found = ["ednn"] if job.uses_ednn and job.ednn.fit != "clusters" else []
    if job.direct:
        own = ["direct"] if job.uses_direct and job.direct.method == "table" else []
        found += own + [name for name in job.direct.methods if name == "table"]
    return found


def compositions(run: Run) -> dict[str, list[dict]]:
    """What energies consist of, by forms of clusters.

    Returns
    -------
    dict of energy to list of dict
        `sites` of one cluster of each form, None for all the rest; `coupling` in J or None; `random` and
        `observed`, shares of the variance over uniformly random configurations and over the snapshots,
        None where there are too few, or their energies do not differ.
    """
    names = energies_to_read(run.job)
    if not names:
        return {}
    from .opened import OpenedRun

    lattice = run.job.build_lattice()
    n = min(CONFIGURATIONS, max(SITES // lattice.n_sites, FEWEST))
    found = {}
    for name in names:
        model = OpenedRun(run).energy(name).model
        random = generator(run.job.stream_seed, Purpose.COMPOSITION)
        sets = {"random": random.integers(0, model.n_states, (n, lattice.n_sites), np.uint8)}
        with observed_rows(run.require("observe")) as rows:
            states = rows.read(0, min(rows.n, n))[0]
        sets["observed"] = states[(states < model.n_states).all(axis=1)]
        table: list[dict] = [{"sites": form.sites, "coupling": None} for form in forms(lattice)]
        table.append({"sites": None, "coupling": None})
        for kind, states in sets.items():
            energies = model.energies(np.ascontiguousarray(states.T))
            enough = len(states) >= FEWEST and np.ptp(energies) > 0
            parts = project(energies, states, lattice, model.n_states) if enough else [None] * len(table)
            for row, part in zip(table, parts, strict=True):
                row[kind] = part and part.share
                if kind == "random":
                    row["coupling"] = part and part.coupling
        found[name] = table
    return found


def of_page(summary: dict, job) -> dict:
    """What the page says of the law: `interactions`, `compositions`, and the `convention` of signs."""
    if job is None:
        return {"interactions": [], "compositions": [], "convention": ""}
    if job.is_glass:
        return {"interactions": _of_bonds(summary), "compositions": [], "convention": BONDS}
    geometry = job.build_lattice().geometry
    return {
        "interactions": interactions(summary, geometry),
        "compositions": composed(summary, geometry),
        "convention": convention(job.hamiltonian.n_states),
    }


def _of_bonds(summary: dict) -> list[dict]:
    """The strongest couplings and fields of a glass, as `interactions`."""
    found = (summary["direct"] or {}).get("bonds", {})
    titles = {"interactions": "the strongest couplings of bonds", "strongest_fields": "the strongest fields"}
    return [
        {"title": title, "rows": [row | {"picture": None, "words": ""} for row in found[name]]}
        for name, title in titles.items()
        if found.get(name)
    ]


def interactions(summary: dict, geometry: Geometry) -> list[dict]:
    """Tables of interactions: `title`, and `rows` with `picture` and `words`."""
    found = []
    if summary["ednn"] and "interactions" in summary["ednn"]:
        found.append(("the EDNN's energy", summary["ednn"]["interactions"]))
    for name, estimate in (summary["direct"] or {}).items():
        if name in ("clusters", "pairwise"):
            found.append((f"{name}, directly from the observations", estimate["interactions"]))
    return [
        {"title": title, "rows": [row | _shown(row, geometry, row["tied"]) for row in rows[:SHOWN]]}
        for title, rows in found
    ]


def composed(summary: dict, geometry: Geometry) -> list[dict]:
    """Tables of what energies consist of: `title`, and `rows` with `picture` and `words`."""
    return [
        {
            "title": ENERGIES[name].title if name in ENERGIES else name,
            "rows": [
                row
                | (_shown(row, geometry) if row["sites"] else {"words": "everything else", "picture": None})
                for row in rows
            ],
        }
        for name, rows in summary["compositions"].items()
    ]


def _shown(row: dict, geometry: Geometry, tied: int | None = None) -> dict:
    """A cluster in words and as a picture, PNG in base64."""
    drawn = picture(row["sites"], geometry, row["coupling"])
    return {
        "words": in_words(row["sites"], geometry, tied),
        "picture": base64.b64encode(drawn).decode(),
    }
