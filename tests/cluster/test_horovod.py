"""Data-parallel training with Horovod does what one process does."""

import numpy as np
import pytest

SCRIPT = """\
import sys
from types import SimpleNamespace

import numpy as np

from dcl_hpc.cluster import mpi


class Source:
    n = 2000
    states = np.random.default_rng(5).integers(0, 2, (n, 36), np.uint8)

    def read(self, start, stop):
        return [self.states[start:stop]]


def work(comm):
    from dcl_hpc.training import data_parallel
    from dcl_hpc.training.batches import Batches
    from dcl_hpc.networks.rnn import Gru
    from dcl_hpc.training.loop import Trainer

    parallel = data_parallel.connect(comm)
    # other ranks begin with other weights, so that they must be given those of rank 0
    network = Gru(
        np.random.default_rng(comm.rank), 8, n_states=2, order=np.arange(36), positional=True
    )
    settings = SimpleNamespace(
        epochs=1, validations=1, learning_rate=1e-2, warmup=0.05, clip=1.0, decay="cosine", patience=None
    )
    batches = Batches(Source(), 100, 0.05, 3, parallel.rank, parallel.size)
    trainer = Trainer(
        network.trainable_variables, lambda s, seed=None: -network.log_prob(s, seed), batches, parallel,
        settings,
    )
    parallel.broadcast(trainer.variables)
    states, = next(batches.epoch(0))
    value, local = trainer.gradients(states)
    value, *gradients = [x.numpy() for x in parallel.mean([value, *local])]
    progress = SimpleNamespace(step=lambda n, note: None)
    assert trainer.run(lambda: None, progress, lambda: False)
    np.savez(
        f"{sys.argv[1]}/{comm.size}_{comm.rank}.npz",
        rows=len(states),
        value=value,
        validation=trainer.history["validation"],
        **{f"gradient_{k}": g for k, g in enumerate(gradients)},
        **{f"weights_{k}": v.numpy() for k, v in enumerate(trainer.variables)},
    )


mpi.run(work)
"""


@pytest.fixture(scope="module")
def results(python, tmp_path_factory):
    """What one process and each of two ranks have after an epoch from the same start."""
    folder = tmp_path_factory.mktemp("horovod")
    script = folder / "epoch.py"
    script.write_text(SCRIPT)
    for ranks in (1, 2):
        done = python(script, folder, ranks=ranks)
        assert done.returncode == 0, done.stderr
    return [dict(np.load(folder / f"{name}.npz")) for name in ("1_0", "2_0", "2_1")]


def arrays(result, kind) -> list[np.ndarray]:
    """All arrays of one kind."""
    found = [value for name, value in result.items() if name.startswith(kind)]
    assert found
    return found


@pytest.mark.mpi
def test_gradients_of_two_ranks_are_those_of_one(results):
    """The mean gradient of two halves of a batch is the gradient of the batch to float32 rounding."""
    single, first, second = results
    assert single["rows"] == 100 and first["rows"] + second["rows"] == 100
    np.testing.assert_allclose(first["value"], single["value"], rtol=1e-5)
    for one, two, same in zip(*(arrays(r, "gradient") for r in results), strict=True):
        assert np.linalg.norm(one) > 0
        assert np.linalg.norm(two - one) <= 1e-5 * np.linalg.norm(one)
        np.testing.assert_array_equal(two, same)


@pytest.mark.mpi
def test_ranks_keep_equal_weights(results):
    """After an epoch all ranks have the same bits, although they began with other weights."""
    _, first, second = results
    for one, two in zip(arrays(first, "weights"), arrays(second, "weights"), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.mpi
def test_weights_of_two_ranks_are_those_of_one(results):
    """After an epoch two ranks have the weights and the validation loss of one process."""
    single, first, _ = results
    for one, two in zip(arrays(single, "weights"), arrays(first, "weights"), strict=True):
        np.testing.assert_allclose(two, one, rtol=0, atol=1e-4)
    np.testing.assert_allclose(first["validation"], single["validation"], rtol=1e-5)
