"""What is observed: the lattice and its Hamiltonian, as a job file describes them."""

import hashlib
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, field_serializer, field_validator, model_validator

from ..physics import hamiltonian
from ..physics.geometry import GEOMETRIES
from ..physics.lattice import Lattice
from .section import ENERGY, Boundary, Cells, Section

Coupling = Annotated[float, Field(allow_inf_nan=False)]
# Of a realization; the published ones are seeds of numpy's old generator, which takes 32 bits.
Number = Annotated[int, Field(ge=0, lt=2**32)]
# Files of couplings and of masks, by their ending; they are read before the job is validated.
FILES = (".npy", ".txt", ".dat", ".csv")
_A_PATH = {"type": "string", "pattern": f"({'|'.join(FILES).replace('.', '[.]')})$"}


def _or_a_path(schema: dict) -> None:
    """Tell editors that couplings may be the path of a file."""
    schema["anyOf"].append(_A_PATH)
    schema.update(ENERGY)


def _or_a_mask(schema: dict) -> None:
    """Tell editors that absent sites may be the path of a file."""
    sites = {key: schema.pop(key) for key in ("type", "items")}
    schema["anyOf"] = [sites, _A_PATH]


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
    boundary: Boundary | tuple[Boundary, ...] = Field(
        "periodic", description="ends of all axes, or a list of those of each axis"
    )
    absent: tuple[tuple[Annotated[int, Field(ge=0)], ...], ...] = Field(
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


class Ising(Section):
    """Ising model with uniform coupling, E = -J sum s_i s_j."""

    kind: Literal["ising"] = Field(description="the Ising model")
    coupling: Coupling = Field(
        1.0, description="coupling of neighbours; negative for an antiferromagnet",
        json_schema_extra=ENERGY,
    )  # fmt: skip

    @property
    def n_states(self) -> int:
        """Number of states of a site."""
        return 2

    def build(self, lattice: Lattice, seed: int) -> hamiltonian.Hamiltonian:
        """The Hamiltonian on a lattice."""
        return hamiltonian.ising(lattice, self.coupling)


class Potts(Section):
    """Potts model with uniform coupling."""

    kind: Literal["potts"] = Field(description="the Potts model")
    states: int = Field(3, ge=2, le=255, description="number of states Q of a site")
    form: Literal["clock", "delta"] = Field(
        "clock", description="-J cos(2 pi (q_i - q_j) / Q), or -J where two neighbours have the same state"
    )
    coupling: Coupling = Field(1.0, description="coupling of neighbours", json_schema_extra=ENERGY)

    @property
    def n_states(self) -> int:
        """Number of states of a site."""
        return self.states

    def build(self, lattice: Lattice, seed: int) -> hamiltonian.Hamiltonian:
        """The Hamiltonian on a lattice."""
        form = hamiltonian.clock if self.form == "clock" else hamiltonian.potts
        return form(lattice, self.states, self.coupling)


class Unknown(Section):
    """A system of which nothing but snapshots is known: no true energy, hence nothing to simulate or compare."""

    kind: Literal["unknown"] = Field(description="a law that is not known: all is learned from snapshots")
    states: int = Field(2, ge=2, le=254, description="number of states of a site")

    @property
    def n_states(self) -> int:
        """Number of states of a site."""
        return self.states


class EdwardsAnderson(Section):
    """Edwards-Anderson glass: one realization of the couplings, or an ensemble of realizations.

    `couplings` draws them from the job's seed and `instance`; "published" takes the authors'
    instance of that number (69 is the one in the paper's Fig. 5). Couplings of one's own are given as a
    list, one row a site in raster order and one column a direction (bond to the next site along each
    axis, in J), or as the path of a text or .npy file that holds it, relative to the job file.
    `realizations` makes an ensemble of so many instances, 0 and up, or of those listed.
    """

    kind: Literal["edwards_anderson"] = Field(description="the Edwards-Anderson glass")
    couplings: Literal["gaussian", "bimodal", "published"] | tuple[tuple[Coupling, ...], ...] = Field(
        "gaussian",
        description="how couplings are drawn, or rows of numbers, or the path of a file of them",
        json_schema_extra=_or_a_path,
    )
    instance: Number = Field(0, description="number of the realization")
    realizations: (
        Annotated[
            Annotated[int, Field(ge=1, le=100_000, strict=True), Tag("one")]
            | Annotated[tuple[Number, ...], Field(min_length=1), Tag("list")],
            Discriminator(lambda value: "list" if isinstance(value, (list, tuple)) else "one"),
        ]
        | None
    ) = Field(None, description="an ensemble: how many instances, 0 and up, or a list of their numbers")

    @field_validator("couplings", mode="before")
    @classmethod
    def _known_source(cls, couplings):
        if isinstance(couplings, str) and couplings not in ("gaussian", "bimodal", "published"):
            raise ValueError(
                f"{couplings!r} is not known; give 'gaussian', 'bimodal', 'published', a list, or "
                "the path of a .txt, .csv or .npy file"
            )
        if not isinstance(couplings, str):
            try:
                values = [float(value) for row in couplings for value in row]
            except (TypeError, ValueError):
                values = [np.nan]
            if not np.all(np.isfinite(values)) or (values and not any(values)):
                raise ValueError("must be rows of finite numbers, not all of them 0")
        return couplings

    @field_serializer("couplings")
    def _digest(self, couplings, info):
        if isinstance(couplings, str) or not (info.context or {}).get("digest"):
            return couplings
        return "sha256:" + hashlib.sha256(np.array(couplings).tobytes()).hexdigest()

    @field_validator("realizations", mode="before")
    @classmethod
    def _number_or_list(cls, realizations):
        if isinstance(realizations, bool) or not isinstance(realizations, (int, list, tuple, type(None))):
            raise ValueError("give a number of realizations, or a list of their numbers")
        return realizations

    @model_validator(mode="after")
    def _realizations_differ(self):
        if self.realizations is None:
            return self
        if "instance" in self.model_fields_set and self.instance:
            raise ValueError("give either instance or realizations, not both")
        if not isinstance(self.couplings, str):
            raise ValueError("couplings of a list or a file are one realization: leave realizations out")
        if len(set(self.numbers)) < len(self.numbers):
            raise ValueError(f"realizations = {list(self.numbers)} names one of them twice")
        return self

    @property
    def n_states(self) -> int:
        """Number of states of a site."""
        return 2

    @property
    def numbers(self) -> tuple[int, ...]:
        """Instances of an ensemble; empty for a single realization."""
        given = self.realizations or 0
        return tuple(range(given)) if isinstance(given, int) else given

    def build(self, lattice: Lattice, seed: int) -> hamiltonian.Hamiltonian:
        """The Hamiltonian of a single realization on a lattice."""
        if self.numbers:
            raise ValueError("an ensemble has no Hamiltonian of its own, its realizations have")
        if not isinstance(self.couplings, str):
            couplings = np.array(self.couplings)
        elif self.couplings == "published":
            couplings = hamiltonian.published_couplings(lattice, self.instance)
        else:
            from ..sampling.streams import Purpose, generator  # compiles kernels; few who read a job need it

            random = generator(seed, Purpose.COUPLINGS, self.instance)
            couplings = hamiltonian.random_couplings(lattice, self.couplings, random)
        return hamiltonian.ising(lattice, couplings)
