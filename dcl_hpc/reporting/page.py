"""The report as one self-contained page."""

import base64
from dataclasses import dataclass
from pathlib import Path

import jinja2

# Interactions of one estimate on the page, strongest first.
SHOWN = 20


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


def render(summary: dict, figures: list[Figure], description: str, provenance: str, job_text: str) -> str:
    """The page as HTML; every text from the job file is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dcl_hpc.reporting", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    interactions = []
    if summary["ednn"] and "interactions" in summary["ednn"]:
        interactions.append(("the EDNN's energy", summary["ednn"]["interactions"][:SHOWN]))
    for name, found in (summary["direct"] or {}).items():
        if name in ("clusters", "pairwise"):
            interactions.append((name, found["interactions"][:SHOWN]))
    return environment.get_template("page.html").render(
        summary=summary,
        interactions=interactions,
        figures=figures,
        description=description,
        provenance=provenance,
        job_text=job_text,
    )
