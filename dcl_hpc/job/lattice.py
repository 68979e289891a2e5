"""The lattice on which a system is observed, as a job file describes it."""

import hashlib
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_serializer, field_validator, model_validator

from ..physics.geometry import GEOMETRIES
from ..physics.lattice import Lattice
from .section import A_PATH, FILES, Boundary, Cells, Many, Section


def _or_a_mask(schema: dict) -> None:
    """Tell editors that absent sites may be the path of a file."""
    sites = {key: schema.pop(key) for key in ("type", "items")}
    schema["anyOf"] = [sites, A_PATH]


class LatticeSection(Section):
    """Lattice on which the system is observed.

    `absent` names sites that do not exist, each by its indices in the array of a configuration, or is the
    path of a mask of the array's shape (.npy, .txt, .dat or .csv, relative to the job file) that is 1 there.
    Lattices with several sites a cell have a last axis for them.
    """

    shape: Cells = Field(description="number of unit cells (of sites, if a cell has one) along each axis")
    kind: Literal["hypercubic", "square", "cubic", *GEOMETRIES] = Field(
        "hypercubic",
        description="how sites are arranged; square and cubic lattices are hypercubic ones of two and three "
        "axes; triangular_rows has every odd row shifted by half a site",
    )
    boundary: Boundary | Many[Boundary] = Field(
        "periodic", description="ends of all axes, or a list of those of each axis"
    )
    absent: Many[Many[Annotated[int, Field(ge=0)]]] = Field(
        (), description="sites that do not exist, or the path of a mask",
        json_schema_extra=_or_a_mask,
    )  # fmt: skip

    @field_validator("boundary")
    @classmethod
    def _of_each_axis(cls, boundary, info):
        axes = len(info.data.get("shape", ()))
        if not isinstance(boundary, str) and axes and len(boundary) != axes:
            raise ValueError(f"gives the ends of {len(boundary)} axes, shape has {axes}")
        return boundary

    @field_validator("absent", mode="before")
    @classmethod
    def _sites_of_a_mask(cls, absent, info):
        if isinstance(absent, str):
            raise ValueError(
                f"{absent!r} is not known; give a list of sites, or the path of a mask: {', '.join(FILES)}"
            )
        if not isinstance(absent, np.ndarray) or not {"shape", "kind"} <= info.data.keys():
            return () if isinstance(absent, np.ndarray) else absent
        array = _array_shape(info.data)
        rows = (int(np.prod(array[:-1])), array[-1])  # as text has them
        if absent.shape not in (array, rows, (rows[0] * rows[1],)):
            raise ValueError(f"the mask has the shape {absent.shape}, configurations have {array}")
        if not np.isin(absent, (0, 1)).all():
            raise ValueError("the mask must be 1 where there is no site, and 0 elsewhere")
        return tuple(map(tuple, np.argwhere(absent.reshape(array)).tolist()))

    @field_validator("absent")
    @classmethod
    def _on_the_array(cls, absent, info):
        if not {"shape", "kind"} <= info.data.keys():
            return absent
        array = _array_shape(info.data)
        for site in absent:
            if len(site) != len(array) or any(i >= side for i, side in zip(site, array, strict=True)):
                raise ValueError(f"{list(site)} is no site of an array of the shape {array}")
        return absent

    @model_validator(mode="after")
    def _exists(self):
        if (axes := {"square": 2, "cubic": 3}.get(self.kind, len(self.shape))) != len(self.shape):
            raise ValueError(f"a {self.kind} lattice has {axes} axes, not {len(self.shape)}")
        self.build()
        return self

    @field_serializer("absent")
    def _digest(self, absent, info):
        if not absent or not (info.context or {}).get("digest"):
            return absent
        return "sha256:" + hashlib.sha256(np.unique(np.array(absent), axis=0).tobytes()).hexdigest()

    def build(self, shape: tuple[int, ...] | None = None) -> Lattice:
        """The observed lattice, or one of its kind on another shape, which has all sites.

        Parameters
        ----------
        shape : Shape or tuple of int, optional
            A `Shape` may have other edges than the observed ones.
        """
        shape = self.shape if shape is None else shape
        ends = getattr(shape, "boundary", None) or self.boundary
        ends = (ends,) * len(self.shape) if isinstance(ends, str) else ends
        opened = tuple(axis for axis, end in enumerate(ends) if end == "open")
        kind = "hypercubic" if self.kind in ("square", "cubic") else self.kind
        lattice = Lattice(tuple(shape), kind, opened)
        if shape != self.shape or not self.absent:
            return lattice
        numbers = np.ravel_multi_index(np.array(self.absent).T, lattice.array_shape)
        return replace(lattice, absent=tuple(np.unique(numbers).tolist()))


def _array_shape(lattice: dict) -> tuple[int, ...]:
    """Shape of a configuration's array on a lattice of this shape and kind."""
    if lattice["kind"] not in GEOMETRIES or (cell := GEOMETRIES[lattice["kind"]].sites_per_cell) == 1:
        return lattice["shape"]
    return (*lattice["shape"], cell)
