"""Networks for P(configuration), as a job file describes them: one section for each architecture."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from ..physics.lattice import Lattice
from ..physics.unwrap import ORDERS, tied
from .learners import Training
from .section import Count, Passes

# Configurations that a training shows if the job does not say, as passes over few of them; see `Rnn.epochs`.
SHOWN, MOST_PASSES, PASSES_OF_EACH = 1_000_000, 200, 10
# Steps of a pass over few configurations at least, and the smallest and largest batch then; a batch is a
# multiple of the smallest, so that blocks of rows are read.
STEPS, SMALLEST, LARGEST = 40, 50, 500


class Rnn(Training):
    """Autoregressive network, recurrent or another of its kind, that learns P(configuration).

    Every architecture is a subclass with a `network`.
    """

    order: Literal["auto", *ORDERS] = Field(
        "auto",
        description="in which sites follow; auto: spiral in the plane without disorder, else snake",
    )
    hidden: Count = Field(128, description="units of a layer")
    layers: int = Field(1, ge=1, le=4, description="layers on top of each other")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of outputs left out in training")
    positional: bool = Field(True, description="input and output weights of their own per site")
    neighbours: int = Field(
        3,
        ge=0,
        le=4,
        description="each step sees earlier sites so many bonds away, by way of later sites; 0: none",
    )
    symmetric: bool = Field(
        True, description="observations are shown in all images by those symmetries that they have"
    )
    epochs: Passes | Literal["auto"] = Field(
        "auto",
        description="passes over the data; auto: until a million configurations were shown, at most 200, and "
        "10 for each image by symmetries",
    )
    batch: Count | Literal["auto"] = Field(
        "auto",
        description="configurations of a step, on all ranks; auto: 500, of fewer than 20,000 a fortieth",
    )
    warm_start: bool = Field(
        False, description="realizations of an ensemble begin with the network of the first one"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "bfloat16", description="precision of matrix products in training; bfloat16 where the hardware has it"
    )

    def settled(self, n: int, images: int = 1):
        """The section with passes and batch for n configurations, of which so many images are shown."""
        most = min(MOST_PASSES, PASSES_OF_EACH * images)
        auto = {
            "epochs": int(np.clip(round(SHOWN / n), 1, most)),
            "batch": int(np.clip(n // STEPS // SMALLEST * SMALLEST, SMALLEST, LARGEST)),
        }
        return self.model_copy(update={key: auto[key] for key in auto if getattr(self, key) == "auto"})

    def network(self, **common):
        """A new network of this architecture; `common` as in `Autoregressive` and `generator`."""
        raise NotImplementedError

    def build(self, lattice: Lattice, n_states: int, seed: int):
        """A new network for configurations of a lattice, with random weights."""
        from .. import networks
        from ..sampling.streams import Purpose, generator

        networks.start()
        order = ORDERS[self.order](lattice)
        return self.network(
            generator=generator(seed, Purpose.WEIGHTS, 0),
            hidden=self.hidden,
            layers=self.layers,
            n_states=n_states,
            order=order,
            positional=self.positional,
            neighbours=tied(lattice, order, self.neighbours) if self.neighbours else None,
            dropout=self.dropout,
            precision=self.precision,
        )


class Gru(Rnn):
    """Gated recurrent units."""

    architecture: Literal["gru"] = Field("gru", description="gated recurrent units")

    def network(self, **common):
        """See `Rnn.network`."""
        from ..networks.rnn import Gru as Network  # TensorFlow

        return Network(**common)


class Transformer(Rnn):
    """Causal Transformer."""

    architecture: Literal["transformer"] = Field(description="a causal Transformer")
    heads: Count = Field(4, description="heads of attention, a divisor of hidden")

    @model_validator(mode="after")
    def _whole_heads(self):
        if self.hidden % self.heads:
            raise ValueError(f"hidden = {self.hidden} is not a multiple of heads = {self.heads}")
        return self

    def network(self, **common):
        """See `Rnn.network`."""
        from ..networks.transformer import Transformer as Network  # TensorFlow

        return Network(heads=self.heads, **common)


def architecture(value) -> str:
    """Which section describes a network: the key `architecture`, "gru" where it is left out."""
    default = Gru.model_fields["architecture"].default
    return str(
        value.get("architecture", default)
        if isinstance(value, dict)
        else getattr(value, "architecture", default)
    )


AnyRnn = Annotated[
    Annotated[Gru, Tag("gru")] | Annotated[Transformer, Tag("transformer")], Discriminator(architecture)
]
