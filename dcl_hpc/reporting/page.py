"""The report as one self-contained page."""

import base64
from dataclasses import dataclass
from pathlib import Path

import jinja2


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
    return environment.get_template("page.html").render(
        summary=summary,
        figures=figures,
        description=description,
        provenance=provenance,
        job_text=job_text,
    )
