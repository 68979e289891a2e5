"""The Hamiltonian of what is observed, as a job file describes it."""

import hashlib
from typing import Annotated, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, field_serializer, field_validator, model_validator

from ..physics import hamiltonian
from ..physics.lattice import Lattice
from .section import A_PATH, ENERGY, Coupling, Many, Section

# Of a realization; the published ones are seeds of numpy's old generator, which takes 32 bits.
Number = Annotated[int, Field(ge=0, lt=2**32)]
MOST_REALIZATIONS = 10_000


def _or_a_path(schema: dict) -> None:
    """Tell editors that couplings may be the path of a file."""
    schema["anyOf" if "anyOf" in schema else "oneOf"].append(A_PATH)
    schema.update(ENERGY)


class Ising(Section):
    """Ising model with uniform coupling, E = -J sum s_i s_j - h sum s_i."""

    kind: Literal["ising"] = Field(description="the Ising model")
    coupling: Coupling = Field(
        1.0, description="coupling of neighbours; negative for an antiferromagnet",
        json_schema_extra=ENERGY,
    )  # fmt: skip
    field: Coupling = Field(0.0, description="field h", json_schema_extra=ENERGY)

    @property
    def n_states(self) -> int:
        """Number of states of a site."""
        return 2

    @property
    def strongest(self) -> float:
        """Size of the strongest coupling or field, in J; 0 if it is not known."""
        return max(abs(self.coupling), abs(self.field))

    def build(self, lattice: Lattice, seed: int) -> hamiltonian.Hamiltonian:
        """The Hamiltonian on a lattice."""
        return hamiltonian.ising(lattice, self.coupling, self.field)


class Potts(Section):
    """Potts model with uniform coupling."""

    kind: Literal["potts"] = Field(description="the Potts model")
    states: int = Field(3, ge=2, le=255, description="number of states Q of a site")
    form: Literal["clock", "delta"] = Field(
        "clock", description="-J cos(2 pi (q_i - q_j) / Q), or -J where two neighbours have the same state"
    )
    coupling: Coupling = Field(1.0, description="coupling of neighbours", json_schema_extra=ENERGY)
    field: Many[Coupling] = Field(
        (), description="field h of each state, E = ... - sum h(q_i); none if left out",
        json_schema_extra=ENERGY,
    )  # fmt: skip

    @field_validator("field")
    @classmethod
    def _of_each_state(cls, field, info):
        states = info.data.get("states", len(field))
        if field and len(field) != states:
            raise ValueError(f"give one number for each of the {states} states, not {len(field)}")
        return field

    @property
    def n_states(self) -> int:
        """Number of states of a site."""
        return self.states

    @property
    def strongest(self) -> float:
        """See `Ising.strongest`."""
        return max(map(abs, (self.coupling, *self.field)))

    def build(self, lattice: Lattice, seed: int) -> hamiltonian.Hamiltonian:
        """The Hamiltonian on a lattice."""
        form = hamiltonian.clock if self.form == "clock" else hamiltonian.potts
        return form(lattice, self.states, self.coupling, self.field)


class RandomField(Section):
    """Fields h_i that are drawn for every site, of each instance anew, with zero mean or all the same."""

    distribution: Literal["gaussian", "bimodal", "constant"] = Field(
        description="normal, or +1 and -1 with equal probability, or 1"
    )
    strength: Coupling = Field(description="what drawn numbers are multiplied by", json_schema_extra=ENERGY)


def _form_of_field(value) -> str:
    if isinstance(value, (list, tuple)):
        return "list"
    return "drawn" if isinstance(value, (dict, RandomField)) else "number"


class Unknown(Section):
    """A system of which only snapshots are known: no true energy, nothing to simulate or compare with."""

    kind: Literal["unknown"] = Field(description="a law that is not known: all is learned from snapshots")
    states: int = Field(2, ge=2, le=254, description="number of states of a site")
    disorder: bool = Field(
        False,
        description="whether each bond may have a coupling and each site a field of its own, as in a glass; "
        "of two states",
    )

    @model_validator(mode="after")
    def _of_spins(self):
        if self.disorder and self.states != 2:
            raise ValueError(f"disorder = true needs states = 2, not {self.states}")
        return self

    @property
    def n_states(self) -> int:
        """Number of states of a site."""
        return self.states

    @property
    def strongest(self) -> float:
        """See `Ising.strongest`."""
        return 0.0


class EdwardsAnderson(Section):
    """Edwards-Anderson glass: one realization of the couplings, or an ensemble of realizations.

    `couplings` draws them from the job's seed and `instance`; "published" takes the authors'
    instance of that number (69 is the one in the paper's Fig. 5). Couplings of one's own are given as a
    list, one row a site in raster order and one column a direction (bond to the next site along each
    axis, in J), or as the path of a text or .npy file that holds it, relative to the job file. A `field` may
    be the same for all sites, drawn, or a list or file of one number a site.
    `realizations` makes an ensemble of so many instances, 0 and up, or of those listed.
    """

    kind: Literal["edwards_anderson"] = Field(description="the Edwards-Anderson glass")
    couplings: Literal["gaussian", "bimodal", "published"] | Many[Many[Coupling]] = Field(
        "gaussian",
        description="how couplings are drawn, or rows of numbers, or the path of a file of them",
        json_schema_extra=_or_a_path,
    )
    field: Annotated[
        Annotated[Coupling, Tag("number")]
        | Annotated[RandomField, Tag("drawn")]
        | Annotated[Many[Coupling], Tag("list")],
        Discriminator(_form_of_field),
    ] = Field(
        0.0, description="field h, how fields are drawn, or one a site, or the path of a file of them",
        json_schema_extra=_or_a_path,
    )  # fmt: skip
    instance: Number = Field(0, description="number of the realization")
    realizations: (
        Annotated[
            Annotated[int, Field(ge=1, le=MOST_REALIZATIONS), Tag("one")]
            | Annotated[Many[Number], Field(min_length=1, max_length=MOST_REALIZATIONS), Tag("list")],
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

    @field_validator("field", mode="before")
    @classmethod
    def _known_field(cls, field):
        if isinstance(field, str):
            raise ValueError(
                f"{field!r} is not known; give a number, {{ distribution, strength }}, a list, or the path "
                "of a .txt, .csv or .npy file"
            )
        return field

    @field_serializer("couplings", "field")
    def _digest(self, values, info):
        if not isinstance(values, tuple) or not (info.context or {}).get("digest"):
            return values
        return "sha256:" + hashlib.sha256(np.array(values).tobytes()).hexdigest()

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
    def strongest(self) -> float:
        """See `Ising.strongest`; couplings that are drawn are of size 1."""
        drawn = isinstance(self.couplings, str)
        couplings = (
            1.0 if drawn else max((abs(value) for row in self.couplings for value in row), default=0.0)
        )
        field = self.field.strength if isinstance(self.field, RandomField) else self.field
        return float(max(couplings, np.abs(field).max(initial=0.0)))

    @property
    def numbers(self) -> tuple[int, ...]:
        """Instances of an ensemble; empty for a single realization."""
        given = self.realizations or 0
        return tuple(range(given)) if isinstance(given, int) else given

    def build(self, lattice: Lattice, seed: int) -> hamiltonian.Hamiltonian:
        """The Hamiltonian of a single realization on a lattice."""
        if self.numbers:
            raise ValueError("an ensemble has no Hamiltonian of its own, its realizations have")
        from ..sampling.streams import Purpose, generator  # compiles kernels; few who read a job need it

        if not isinstance(self.couplings, str):
            couplings = np.array(self.couplings)
        elif self.couplings == "published":
            couplings = hamiltonian.published_couplings(lattice, self.instance)
        else:
            random = generator(seed, Purpose.COUPLINGS, self.instance)
            couplings = hamiltonian.random_couplings(lattice, self.couplings, random)
        field = self.field
        if isinstance(field, RandomField):
            random = generator(seed, Purpose.FIELDS, self.instance)
            field = hamiltonian.random_field(lattice, field.distribution, field.strength, random)
        return hamiltonian.ising(lattice, couplings, field)
