"""What learns and from what, as a job file describes it: networks, labels, direct estimates."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from .systems import Count, Positive, Section

Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Context = Annotated[int, Field(ge=0)]


class Training(Section):
    """What both trainings have in common; `batch` is the global batch over all ranks."""

    epochs: Count
    batch: Count
    learning_rate: Positive
    warmup: float = Field(0.05, ge=0, lt=1, description="share of all steps")
    decay: Literal["cosine", "none"] = Field("cosine", description="of the learning rate after warm-up")
    validations: Count = Field(1, description="looks at the held-out data in an epoch")
    patience: Count | None = Field(None, description="validations without improvement before stopping early")
    clip: Positive = Field(1.0, description="largest norm of the gradient")
    validation: float = Field(0.05, gt=0, lt=1, description="share of the data held out")


class Rnn(Training):
    """Recurrent network, or another of its kind, that learns P(configuration)."""

    order: Literal["raster", "snake", "spiral"] = "spiral"
    architecture: Literal["gru", "transformer"] = "gru"
    hidden: Count = 128
    layers: int = Field(1, ge=1, le=4)
    heads: Count = Field(4, description="of attention, in a transformer")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of outputs left out in training")
    positional: bool = Field(True, description="input and output weights of their own per site")
    neighbours: bool = Field(True, description="each step sees the earlier neighbours of its site")
    epochs: Count = 10
    batch: Count = 1000
    learning_rate: Positive = 2e-3
    warm_start: bool = Field(
        False, description="realizations of an ensemble begin with the network of the first one"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "bfloat16", description="of matrix products in training; bfloat16 where the hardware has it"
    )

    @model_validator(mode="after")
    def _whole_heads(self):
        if self.architecture == "transformer" and self.hidden % self.heads:
            raise ValueError(f"hidden = {self.hidden} is not a multiple of heads = {self.heads}")
        return self


class Labels(Section):
    """Configurations that the RNN labels with energies, and from where they come, as shares."""

    count: Count = 200_000
    random: Share = Field(1.0, description="uniformly random ones")
    observed: Share = Field(0.0, description="observed ones")
    sampled: Share = Field(0.0, description="drawn from the RNN's P")
    tempered: Share = Field(0.0, description="visited by Metropolis with the RNN's energy")
    coldest: Positive | None = Field(
        None, description="tempered: inverse temperatures from -1/coldest to 1/coldest; default T_o / 4"
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


class Ednn(Training):
    """Extensive network: one small network on every tile, outputs summed.

    `fit` is what it learns from: the RNN's labels, or the observations directly (their
    pseudo-likelihood). "table" and "clusters" are direct too and no networks: a free table of
    tile energies, and the interactions that the observations call for.
    """

    fit: Literal["labels", "pseudolikelihood", "table", "clusters"] = "labels"
    focus: Count = 2
    context: Annotated[
        Annotated[Context, Tag("one")] | Annotated[tuple[Context, ...], Field(min_length=1), Tag("list")],
        Discriminator(lambda value: "list" if isinstance(value, (list, tuple)) else "one"),
    ] = 1
    tolerance: Share = Field(0.1, description="error to labels that a smaller context may add, as a share")
    samples: Count = Field(1_000_000, description="observations for a table or clusters, at most")
    shared: bool = Field(True, description="one network for all tiles; false for quenched disorder")
    hidden: tuple[Count, ...] = (32, 64)
    epochs: Count = 30
    batch: Count = 1000
    learning_rate: Positive = 2e-3

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
        if not self.is_network and (self.focus != 1 or len(self.contexts) > 1 or not self.shared):
            raise ValueError(
                f"fit = '{self.fit}' takes tiles at every site: set focus = 1, one context, shared = true"
            )
        return self


class Direct(Section):
    """Estimates of the energy without a network, fitted beside the networks for comparison."""

    samples: Count = Field(100_000, description="observations to fit to, at most")
    side: int = Field(3, ge=2, description="of the tile that limits the range")
    methods: tuple[Literal["pairwise", "clusters", "table"], ...] = Field(
        ("pairwise", "clusters", "table"), min_length=1
    )
