"""What learns and from what, as a job file describes it: networks, labels, direct estimates."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from ..physics.lattice import Lattice
from ..physics.tiles import Tiling, ball, box, places
from .section import TEMPERATURE, Count, Many, Passes, Positive, Section, Share, Sites, Temperature


class TrainingBackend(Section):
    """What averages gradients over ranks; results are the same but for rounding."""

    backend: Literal["auto", "horovod", "mpi"] = Field(
        "auto", description="Horovod, or MPI's own sum; auto: Horovod where it is installed"
    )


class Training(Section):
    """What all trainings have in common; `batch` is the global batch over all ranks."""

    epochs: Passes = Field(description="passes over the data")
    batch: Count = Field(1000, description="configurations of a step, on all ranks together")
    learning_rate: float = Field(2e-3, gt=0, le=1e38, description="learning rate after warm-up")
    warmup: float = Field(0.05, ge=0, lt=1, description="share of all steps with a rising learning rate")
    decay: Literal["cosine", "none"] = Field(
        "cosine", description="how the learning rate falls after warm-up"
    )
    validations: Passes = Field(1, description="looks at the held-out data in an epoch")
    patience: Count | None = Field(None, description="validations without improvement before stopping early")
    clip: Positive = Field(1.0, description="largest norm of the gradient")
    validation: Annotated[float, Field(gt=0, lt=1)] | Literal["auto"] = Field(
        "auto",
        description="share of the data held out; auto: 0.05, but of fewer than a million observations, which "
        "weigh a network's energy, 50,000 or a quarter",
    )
    calibrate: bool = Field(True, description="whether the energy is calibrated by the observations")
    average: float = Field(
        0.0, ge=0, le=1, description="share of all steps over which weights are averaged; 0: the last weights"
    )


# Share of the data that a training holds out; and observations by which a network's energy is weighed, and
# the share of them at most: the noise that the weight leaves falls with their number alone.
USUAL, UNSEEN, AT_MOST = 0.05, 50_000, 0.25


def unseen(n: int) -> float:
    """Share of n observations that is held out from a network which they weigh."""
    return max(USUAL, min(AT_MOST, UNSEEN / max(n, 1)))


class Calibration(Section):
    """Networks' energies are weighed beside the interactions that the observations call for.

    The interactions are looked for in the tile of the direct estimate.
    """

    samples: Count = Field(5_000_000, description="observations that the couplings are fitted to, at most")
    network_samples: Count | Literal["auto"] = Field(
        "auto",
        description="observations at which the network is asked, at most; auto: 20,000 of the RNN, 500,000 "
        "of the EDNN",
    )

    def asked(self, energy: str) -> int:
        """Observations at which a network is asked, at most."""
        most = {"rnn": 20_000, "ednn": 500_000}[energy]
        return most if self.network_samples == "auto" else self.network_samples


class Labels(Section):
    """Configurations that the RNN labels with energies, and from where they come, as shares."""

    count: Count = Field(200_000, description="configurations to label")
    random: Share = Field(1.0, description="uniformly random ones")
    observed: Share = Field(0.0, description="observed ones")
    sampled: Share = Field(0.0, description="drawn from the RNN's P")
    tempered: Share = Field(0.0, description="visited by Metropolis with the RNN's energy")
    coldest: Temperature | None = Field(
        None, description="tempered: inverse temperatures from -1/coldest to 1/coldest; default T_o / 4",
        json_schema_extra=TEMPERATURE,
    )  # fmt: skip
    images: Count = Field(
        1, description="energies of so many images of each under the symmetries of the observations, averaged"
    )

    @property
    def shares(self) -> dict[str, float]:
        """Share of every source, summing to 1."""
        given = {name: getattr(self, name) for name in ("random", "observed", "sampled", "tempered")}
        return {name: value / sum(given.values()) for name, value in given.items()}

    @model_validator(mode="after")
    def _something(self):
        if self.random + self.observed + self.sampled + self.tempered <= 0:
            raise ValueError("give at least one of random, observed, sampled, tempered a positive share")
        return self


# Sites of a tile around its focus.
Around = Annotated[int, Field(ge=0, le=16)]
# Sets of sites, by their offsets on the grid.
Clusters = Many[Sites]


class Ednn(Training):
    """Extensive network: one small network on every tile, outputs summed.

    `fit` is what it learns from: the RNN's labels, or the observations directly (their
    pseudo-likelihood). "table" and "clusters" are direct too and no networks: a free table of
    tile energies, and the interactions that the observations call for.
    """

    fit: Literal["labels", "pseudolikelihood", "table", "clusters"] = Field(
        "labels", description="what it learns from: the RNN's labels, or the observations themselves"
    )
    focus: Annotated[int, Field(ge=1, le=16)] | Literal["auto"] = Field(
        "auto", description="sites by which tiles step; auto: 2 where tables of tiles allow it, else 1"
    )
    context: Annotated[
        Annotated[Around, Tag("one")] | Annotated[Many[Around], Field(min_length=1), Tag("list")],
        Discriminator(lambda value: "list" if isinstance(value, (list, tuple)) else "one"),
    ] = Field(1, description="sites that a tile sees around its focus; of a list the smallest that is enough")
    tile: Literal["auto", "box", "ball"] = Field(
        "auto",
        description="form of tiles; ball: all sites within `context` bonds; auto: boxes on square and cubic "
        "lattices, balls on others, and on cubic ones where boxes have too many states for tables",
    )
    tolerance: Share = Field(
        0.1, description="several contexts: error to labels that a smaller one may add, as a share"
    )
    samples: Count = Field(1_000_000, description="observations for a table or clusters, at most")
    without: Clusters = Field((), description="clusters: interactions that may not be found, by their sites")
    shared: bool = Field(True, description="one network for all tiles; false for quenched disorder")
    symmetric: bool = Field(
        True, description="a table is averaged over those symmetries of the observations that keep tiles"
    )
    flat: bool = Field(
        False, description="labels: all energies weigh the same, however many labels they have"
    )
    hidden: Annotated[Many[Count], Field(max_length=64)] = Field(
        (32, 64), description="units of each hidden layer"
    )
    epochs: Passes = Field(30, description="passes over the data")

    @property
    def contexts(self) -> tuple[int, ...]:
        """All contexts to try, ascending."""
        return (self.context,) if isinstance(self.context, int) else tuple(sorted(set(self.context)))

    @property
    def is_network(self) -> bool:
        """Whether a network is trained."""
        return self.fit in ("labels", "pseudolikelihood")

    @model_validator(mode="after")
    def _direct(self):
        if not self.is_network and (len(self.contexts) > 1 or not self.shared):
            raise ValueError(
                f"fit = '{self.fit}' is one law for tiles at every site: give one context, shared = true"
            )
        return self

    def offsets(self, lattice: Lattice) -> np.ndarray:
        """Sites of a tile of the smallest context, int64 (n_places, dimension); see `physics.tiles`."""
        return places(lattice.geometry, self.focus, self.contexts[0], self.tile)

    def tiling(self, lattice: Lattice, context: int) -> Tiling:
        """The tiles of one context; raises ValueError if the lattice has none."""
        return Tiling(lattice, self.focus, context, self.tile)

    def build(self, lattice: Lattice, n_states: int, context: int, mean: float, scale: float, seed: int):
        """A new network with random weights, for energies of this mean and standard deviation (J)."""
        from .. import networks

        networks.start()
        from ..networks.ednn import Ednn as Network
        from ..sampling.streams import Purpose, generator

        random, tiles = generator(seed, Purpose.WEIGHTS, 1), self.tiling(lattice, context).sites
        return Network(n_states, tiles, self.hidden, mean, scale, random, self.shared)


Method = Literal["pairwise", "clusters", "table"]


class Direct(Section):
    """Estimates of the energy without a network: the energy "direct" of sweeps, and others for comparison."""

    method: Method | Literal["bonds", "auto"] = Field(
        "auto",
        description="by which the energy 'direct' of sweeps is found; auto: clusters, or of a glass bonds, a "
        "coupling for each",
    )
    samples: Count = Field(100_000, description="observations to fit to, at most")
    side: Annotated[int, Field(ge=2, le=24)] | Literal["auto"] = Field(
        "auto", description="edge of the tile that limits the range, in sites; auto: 3, or 2 if too large"
    )
    tile: Literal["auto", "box", "ball"] = Field(
        "auto",
        description="form of tiles; ball: all sites within `radius` bonds; auto: boxes on square lattices, "
        "and where `side` is given, else balls",
    )
    radius: Annotated[int, Field(ge=1, le=12)] = Field(
        1, description="bonds from the middle of a ball to its surface"
    )
    without: Clusters = Field(
        (), description="clusters: interactions that may not be found, by the offsets of their sites"
    )
    methods: Many[Method] | Literal["auto"] = Field(
        "auto",
        description="estimates to compare with; auto: all that allow tiles of this side, none where sweeps "
        "take 'direct'",
    )

    def offsets(self, lattice: Lattice) -> np.ndarray:
        """Sites of a tile, int64 (n_places, dimension); see `physics.tiles`."""
        if self.tile == "ball":
            return ball(lattice.geometry, self.radius)
        return box(lattice.dimension, self.side, 0)
