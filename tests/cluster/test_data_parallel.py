"""Data-parallel training, by Horovod or by MPI itself, does what one process does."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.training import data_parallel

SCRIPT = """\
import os
import sys
from itertools import islice
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from dcl_hpc.cluster import mpi
from dcl_hpc.networks.rnn import Gru
from dcl_hpc.training import data_parallel
from dcl_hpc.training.batches import Batches
from dcl_hpc.training.loop import Trainer


class Source:
    n = 2000
    states = np.random.default_rng(5).integers(0, 2, (n, 12), np.uint8)

    def read(self, start, stop):
        return [self.states[start:stop]]


def work(comm):
    *backends, folder = sys.argv[1:]
    for backend in backends:
        epoch(comm, backend, folder)
        if comm.size > 1:
            others(comm, backend)


def others(comm, backend):
    # another group of ranks, once the connection of all is closed
    data_parallel.connect(comm, backend).close()
    group = comm.Split(comm.rank // 2)
    if group.size > 1:
        threads, parallel = len(os.listdir("/proc/self/task")), data_parallel.connect(group, backend)
        assert parallel.sum(np.ones(2)).tolist() == [2, 2]
        parallel.close()
        assert len(os.listdir("/proc/self/task")) == threads


def epoch(comm, backend, folder):
    parallel = data_parallel.connect(comm, backend)
    assert type(parallel).__name__ == ("SingleProcess" if comm.size == 1 else backend.title())
    # other ranks begin with other weights, so that they must be given those of rank 0
    network = Gru(
        np.random.default_rng(comm.rank), 8, n_states=2, order=np.arange(12), positional=True
    )
    settings = SimpleNamespace(
        epochs=1, validations=1, learning_rate=1e-2, warmup=0.05, clip=1.0, decay="cosine", patience=None,
        average=0.0,
    )
    batches = Batches(Source(), 99, 0.05, 3, parallel.rank, parallel.size)
    trainer = Trainer(
        network.trainable_variables, lambda s, seed=None: -network.log_prob(s, seed), batches, parallel,
        settings,
    )
    parallel.broadcast(trainer.variables)
    states, = next(batches.epoch(0))
    value, local = trainer.gradients(states)
    value, *gradients = [x.numpy() for x in parallel.mean([value, *local])]
    for states, in islice(batches.epoch(0), 5):
        trainer._step(tf.constant(states))
    few = {f"few_{k}": v.numpy() for k, v in enumerate(trainer.variables)}
    progress = SimpleNamespace(step=lambda n, note: None)
    assert trainer.run(lambda: None, progress, lambda: False)
    np.savez(
        f"{folder}/{backend}_{comm.size}_{comm.rank}.npz",
        rows=len(states),
        value=value,
        validation=trainer.history["validation"],
        **few,
        **{f"gradient_{k}": g for k, g in enumerate(gradients)},
        **{f"weights_{k}": v.numpy() for k, v in enumerate(trainer.variables)},
    )
    parallel.close()


mpi.run(work)
"""


# Not a power of two, where sums of ranks differ in their order.
RANKS = 3
HOROVOD = pytest.mark.skipif(find_spec("horovod") is None, reason="Horovod is not installed")
BACKENDS = ["horovod"] * (find_spec("horovod") is not None) + ["mpi"]


@pytest.fixture(scope="module")
def epochs(python, command, tmp_path_factory):
    """What one process and each of three ranks have after an epoch from the same start, by backend."""
    folder = tmp_path_factory.mktemp("epoch")
    script = folder / "epoch.py"
    script.write_text(SCRIPT)
    for done in (command(script, "mpi", folder), python(script, *BACKENDS, folder, ranks=RANKS)):
        assert done.returncode == 0, done.stderr

    def load(backend, size):
        return [dict(np.load(folder / f"{backend}_{size}_{rank}.npz")) for rank in range(size)]

    return {backend: [*load("mpi", 1), *load(backend, RANKS)] for backend in BACKENDS}


@pytest.fixture(params=[pytest.param("horovod", marks=HOROVOD), "mpi"])
def results(request, epochs):
    """What one process and each of three ranks have."""
    return epochs[request.param]


def arrays(result, kind) -> list[np.ndarray]:
    """All arrays of one kind."""
    found = [value for name, value in result.items() if name.startswith(kind)]
    assert found
    return found


@pytest.mark.mpi
def test_gradients_of_ranks_are_those_of_one(results):
    """The mean gradient of the parts of a batch is the gradient of the batch to float32 rounding."""
    single, first, *others = results
    assert single["rows"] == 99 == sum(ranks["rows"] for ranks in (first, *others))
    np.testing.assert_allclose(first["value"], single["value"], rtol=1e-5)
    for one, mean, *same in zip(*(arrays(r, "gradient") for r in results), strict=True):
        assert np.linalg.norm(one) > 0
        assert np.linalg.norm(mean - one) <= 1e-5 * np.linalg.norm(one)
        assert all(np.array_equal(mean, other) for other in same)


@pytest.mark.mpi
def test_a_few_steps_of_ranks_are_those_of_one(results):
    """After five steps the weights are those of one process to float32 rounding."""
    for one, weights, *same in zip(*(arrays(r, "few") for r in results), strict=True):
        assert np.linalg.norm(weights - one) <= 1e-5 * np.linalg.norm(one)
        assert all(np.array_equal(weights, other) for other in same)


@pytest.mark.mpi
@HOROVOD
def test_both_backends_give_the_same_weights(epochs):
    """After five steps Horovod and MPI itself have the same weights to float32 rounding."""
    for one, two in zip(arrays(epochs["mpi"][1], "few"), arrays(epochs["horovod"][1], "few"), strict=True):
        assert np.linalg.norm(two - one) <= 1e-5 * np.linalg.norm(one)


@pytest.mark.mpi
def test_ranks_keep_equal_weights(results):
    """After an epoch all ranks have the same bits, although they began with other weights."""
    for weights, *same in zip(*(arrays(r, "weights") for r in results[1:]), strict=True):
        assert all(np.array_equal(weights, other) for other in same)


@pytest.mark.mpi
def test_weights_of_ranks_are_those_of_one(results):
    """After an epoch three ranks have the weights and the validation loss of one process."""
    single, first = results[:2]
    for one, weights in zip(arrays(single, "weights"), arrays(first, "weights"), strict=True):
        np.testing.assert_allclose(weights, one, rtol=0, atol=1e-4)
    np.testing.assert_allclose(first["validation"], single["validation"], rtol=1e-5)


def test_horovod_that_is_not_there(monkeypatch):
    """Asked for on several ranks it is refused in one line; one process has nothing to average."""
    monkeypatch.setattr(data_parallel, "find_spec", lambda name: None)
    several = SimpleNamespace(size=2, allgather=lambda value: [value] * 2)
    with pytest.raises(UserError, match=r"training.backend = 'horovod': .* or take 'mpi'") as caught:
        data_parallel.connect(several, "horovod")
    assert caught.value.on_all_ranks and "\n" not in str(caught.value)
    assert isinstance(data_parallel.connect(SimpleNamespace(size=1), "horovod"), data_parallel.SingleProcess)


@pytest.mark.mpi
def test_backend_is_no_part_of_a_result(dcl, runs):
    """A network that one backend has begun is complete for the other."""
    small = ("--set", "lattice.shape=[4, 4]", "--set", "rnn.epochs=1")
    assert dcl("observe", *small).returncode == 0
    done = dcl("train", "--network", "rnn", *small, "--set", "training.backend=mpi", ranks=2)
    assert done.returncode == 0 and "on 2 ranks by MPI" in done.stdout, done.stderr
    done = dcl("train", "--network", "rnn", *small)
    assert done.returncode == 0 and "is complete" in done.stdout, done.stderr
