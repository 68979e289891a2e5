"""Networks as sections of a job file build them."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import pytest

from dcl_hpc.job.study import Job
from dcl_hpc.networks.ednn import Ednn
from dcl_hpc.networks.rnn import Gru
from dcl_hpc.networks.transformer import Transformer
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.physics.tiles import Tiling
from dcl_hpc.physics.unwrap import snake, spiral, tied
from dcl_hpc.sampling.streams import Purpose, generator


def equal(one, two) -> bool:
    """Whether two networks have the same weights."""
    pairs = zip(one.trainable_variables, two.trainable_variables, strict=True)
    return all(a.name == b.name and np.array_equal(a.numpy(), b.numpy()) for a, b in pairs)


def job(shape, **changes) -> Job:
    """A job of a Potts model."""
    document = {
        "name": "test", "seed": 3, "lattice": {"shape": shape}, "hamiltonian": {"kind": "potts"},
        "observe": {"temperature": 2.0}, "sweep": {"temperatures": [1.0, 2.0]},
    }  # fmt: skip
    return Job.from_dict(document, changes)


@pytest.mark.parametrize(
    ("shape", "order", "changes", "network", "own"),
    [
        ([3, 4], spiral, {"hidden": 5}, Gru, {"hidden": 5}),
        ([3, 3, 3], snake, {"hidden": 5, "layers": 2}, Gru, {"hidden": 5, "layers": 2}),
        ([5], snake, {"architecture": "transformer", "hidden": 6, "heads": 3}, Transformer,
         {"hidden": 6, "heads": 3}),
    ],
)  # fmt: skip
def test_networks_for_configurations(shape, order, changes, network, own):
    """The architecture that is named, weights of the job's seed, sites in the order of its lattice."""
    lattice = Lattice(tuple(shape))
    expected = network(
        generator=generator(3, Purpose.WEIGHTS, 0), n_states=3, order=order(lattice), positional=True,
        neighbours=tied(lattice, order(lattice), 3), **own,
    )  # fmt: skip
    built = job(shape, rnn=changes).build_rnn()
    assert type(built) is network and equal(built, expected)
    assert np.array_equal(built.order, expected.order) and built.precision == "bfloat16"


def test_extensive_network():
    """Tiles of the section's focus and a context, with weights of the job's seed."""
    built = job([4, 6], **{"ednn.hidden": [7], "ednn.focus": 2}).build_ednn(1, -3.0, 2.0)
    tiles = Tiling(Lattice((4, 6)), 2, 1).sites
    assert equal(built, Ednn(3, tiles, (7,), -3.0, 2.0, generator(3, Purpose.WEIGHTS, 1)))
    assert np.array_equal(built.tiles, tiles)
