"""The report as one self-contained page."""

import base64
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np

from ..cluster import mpi
from ..energy.factory import ENERGIES, LEARNED
from ..pipeline.provenance import provenance
from ..storage.documents import digest_of, read_json, write_bytes, write_json, write_text
from ..storage.identity import Identity
from . import law, uncertainty
from .figures import png
from .novelty import sentences
from .sweeps import peak, size, warnings, worth

# What a figure says in place of curves.
FAILED = "no numbers: the calculation failed"


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
    _tell_failed(figure)
    write_bytes(path, png(figure))
    return Figure(title, caption, path)


def _tell_failed(figure) -> None:
    """Say so where nothing of what was drawn is a number."""
    for axis in figure.axes:
        lines = [line for line in axis.lines if line.get_transform() == axis.transData]
        drawn = np.concatenate([[], *(line.get_ydata(orig=False) for line in lines)])
        if drawn.size and not np.isfinite(drawn).any():
            axis.text(0.5, 0.5, FAILED, transform=axis.transAxes, ha="center", va="center", color="firebrick")


def renew(context, output: str, write_report, headline) -> None:
    """Write a report unless it is current, and log its headline; rank 0 works.

    Parameters
    ----------
    context : Context
    output : str
    write_report : callable (run)
    headline : callable (summary)
        Text that says what summary.json has.
    """
    run = context.run

    def work():
        if context.update or not run.state(output).current:
            write_report(run)

    mpi.on_root(context.comm, work)
    context.log(f"report: {run.root / 'report' / 'index.html'}")
    if context.comm.rank == 0:
        context.log(headline(read_json(run.path(output))))


def fill(template: str, package: str = "dcl_hpc.reporting", **values) -> str:
    """HTML of a template, escaped; a package's templates may extend those of this folder."""
    loaders = [jinja2.PackageLoader(name, ".") for name in dict.fromkeys((package, "dcl_hpc.reporting"))]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template(template).render(**values)


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
    return fill(
        template,
        summary=summary,
        learned=LEARNED,
        titles={name: energy.title for name, energy in ENERGIES.items()} | {"true": "true"},
        **law.of_page(summary, job),
        size=size,
        peak=peak,
        worth=worth,
        largest=np.argmax,
        propagated=[sweep for sweep in summary["sweeps"] if sweep.get("u_data_error")],
        networks=job is None or job.trains_networks,
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
    source = None if run.realizations or run.job.observe.source else run.source()
    origin, job_text = sign(run, summary, f"--from {shlex.quote(source)}" if source else "")
    job = None if run.realizations else run.job
    text = render(summary, figures, description, origin, job_text, template, job)
    write(run, summary, figures, text, others)


def sign(run, summary: dict, more: str = "") -> tuple[str, str]:
    """Add to a summary where it comes from.

    Parameters
    ----------
    run : Run
    summary : dict
        Gets the keys `creator`, `git_commit`, `machine`, `ranks`, `uuid` and `command`.
    more : str
        Arguments of the command.

    Returns
    -------
    provenance, job_text : str
        What the page ends with.
    """
    described = provenance()
    summary |= {key: described[key] for key in ("creator", "git_commit", "machine")} | {"ranks": run.ranks}
    summary["uuid"] = Identity().uuid
    summary["command"] = run.command("run", f"--ranks {run.ranks} {more}".strip())
    origin = f"{described['creator']}, commit {described['git_commit']}, seed {run.job.seed}; "
    origin += f"libraries {described['library_versions']}"
    return origin, summary["command"] + "\n\n" + run.job_text


def write(run, summary: dict, figures: list[Figure], text: str, others: tuple[Path, ...] = ()) -> None:
    """Write index.html and summary.json, with digests of all that is shown; parameters as in `publish`."""
    folder = run.root / "report"
    write_text(folder / "index.html", text)
    shown = [folder / "index.html", *(figure.path for figure in figures), *others]
    summary["files"] = {os.path.relpath(path, folder): digest_of(path) for path in shown}
    write_json(folder / "summary.json", summary)
