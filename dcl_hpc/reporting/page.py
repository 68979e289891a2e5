"""The report as one self-contained page."""

import base64
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np

from ..energy.factory import ENERGIES, LEARNED
from ..pipeline.provenance import provenance
from ..storage.documents import cannot_write, digest_of, write_json, write_text
from ..storage.identity import Identity
from . import law, uncertainty
from .figures import close
from .novelty import sentences
from .sweeps import size, warnings, worth


@dataclass(frozen=True)
class Figure:
    """A figure of the page; `path` is its PNG."""

    title: str
    caption: str
    path: Path

    @property
    def data(self) -> str:
        """The PNG in base64."""
        return base64.b64encode(self.path.read_bytes()).decode()


def save(path: Path, title: str, caption: str, figure) -> Figure:
    """Write a figure of matplotlib as PNG, for the page; raises UserError if it cannot be written."""
    try:
        figure.savefig(path)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        close(figure)
    return Figure(title, caption, path)


def render(
    summary: dict, figures: list[Figure], description: str, provenance: str, job_text: str,
    template: str = "page.html", job=None,
) -> str:  # fmt: skip
    """The page as HTML; every text from the job file is escaped.

    Parameters
    ----------
    job : Job, optional
        None for a page that names no interactions.
    template : str
        "page.html" for a single system, "realizations.html" for an ensemble.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dcl_hpc.reporting", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(
        summary=summary,
        learned=LEARNED,
        titles={name: energy.title for name, energy in ENERGIES.items()} | {"true": "true"},
        **law.of_page(summary, job),
        size=size,
        worth=worth,
        largest=np.argmax,
        propagated=[sweep for sweep in summary["sweeps"] if sweep.get("u_data_error")],
        trained=any(sweep.get("u_training_error") for sweep in summary["sweeps"]),
        bands=uncertainty.warnings(summary["sweeps"]),
        warnings=warnings(
            summary["sweeps"], len(summary["realizations"]) if "realizations" in summary else None
        ),
        novelty=sentences(summary["sweeps"]),
        explanation=summary.get("explanation", []),
        calibration=summary.get("calibration", {}),
        diagnosis=summary.get("diagnosis", []),
        figures=figures,
        description=description,
        provenance=provenance,
        job_text=job_text,
    )


def publish(
    run, summary: dict, figures: list[Figure], description: str, template: str = "page.html",
    others: tuple[Path, ...] = (),
) -> None:  # fmt: skip
    """Write summary.json and index.html into a run's folder report, with where they come from.

    Parameters
    ----------
    run : Run
    summary : dict
        Gets the keys `creator`, `git_commit`, `machine`, `ranks` and `command`.
    template
        As in `render`.
    others : tuple of Path
        More files that were made with the report.
    """
    described = provenance()
    summary |= {key: described[key] for key in ("creator", "git_commit", "machine")} | {"ranks": run.ranks}
    summary["uuid"] = Identity().uuid
    source = None if run.realizations or run.job.observe.source else run.source()
    more = f"--ranks {run.ranks}" + (f" --from {shlex.quote(source)}" if source else "")
    summary["command"] = run.command("run", more)
    text = render(
        summary, figures, description,
        f"{described['creator']}, commit {described['git_commit']}, seed {run.job.seed}; "
        f"libraries {described['library_versions']}",
        summary["command"] + "\n\n" + run.job_text, template, None if run.realizations else run.job,
    )  # fmt: skip
    folder = run.root / "report"
    write_text(folder / "index.html", text)
    shown = [folder / "index.html", *(figure.path for figure in figures), *others]
    summary["files"] = {os.path.relpath(path, folder): digest_of(path) for path in shown}
    write_json(folder / "summary.json", summary)
