"""Data-parallel training, by Horovod or by MPI itself, does what one process does."""

from importlib.util import find_spec

import numpy as np
import pytest

SCRIPT = """\
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
    states = np.random.default_rng(5).integers(0, 2, (n, 36), np.uint8)

    def read(self, start, stop):
        return [self.states[start:stop]]


def work(comm):
    *backends, folder = sys.argv[1:]
    for backend in backends:
        epoch(comm, backend, folder)


def epoch(comm, backend, folder):
    parallel = data_parallel.connect(comm, backend)
    assert type(parallel).__name__ == ("SingleProcess" if comm.size == 1 else backend.title())
    # other ranks begin with other weights, so that they must be given those of rank 0
    network = Gru(
        np.random.default_rng(comm.rank), 8, n_states=2, order=np.arange(36), positional=True
    )
    settings = SimpleNamespace(
        epochs=1, validations=1, learning_rate=1e-2, warmup=0.05, clip=1.0, decay="cosine", patience=None,
        average=0.0,
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


mpi.run(work)
"""


HOROVOD = pytest.param(
    "horovod", marks=pytest.mark.skipif(find_spec("horovod") is None, reason="Horovod is not installed")
)


@pytest.fixture(scope="module")
def epoch(python, tmp_path_factory):
    """What each rank has after an epoch from the same start: `epoch("mpi", 2)`."""
    folder, made = tmp_path_factory.mktemp("epoch"), {}
    script = folder / "epoch.py"
    script.write_text(SCRIPT)

    def results(backend, ranks):
        if (backend, ranks) not in made:
            done = python(script, backend, folder, ranks=ranks)
            assert done.returncode == 0, done.stderr
            files = [folder / f"{backend}_{ranks}_{rank}.npz" for rank in range(ranks)]
            made[backend, ranks] = [dict(np.load(file)) for file in files]
        return made[backend, ranks]

    return results


@pytest.fixture(scope="module", params=[HOROVOD, "mpi"])
def results(request, epoch):
    """What one process and each of two ranks have after an epoch from the same start."""
    return [*epoch("mpi", 1), *epoch(request.param, 2)]


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
def test_a_few_steps_of_two_ranks_are_those_of_one(results):
    """After five steps the weights are those of one process to float32 rounding."""
    for one, two, same in zip(*(arrays(r, "few") for r in results), strict=True):
        assert np.linalg.norm(two - one) <= 1e-5 * np.linalg.norm(one)
        np.testing.assert_array_equal(two, same)


@pytest.mark.mpi
@pytest.mark.skipif(find_spec("horovod") is None, reason="Horovod is not installed")
def test_both_backends_give_the_same_weights(epoch):
    """After five steps Horovod and MPI itself have the same weights to float32 rounding."""
    ours, theirs = epoch("mpi", 2)[0], epoch("horovod", 2)[0]
    for one, two in zip(arrays(ours, "few"), arrays(theirs, "few"), strict=True):
        assert np.linalg.norm(two - one) <= 1e-5 * np.linalg.norm(one)


@pytest.mark.mpi
def test_three_ranks_keep_equal_weights(epoch):
    """Sums over a number of ranks that is no power of two have the same bits everywhere, too."""
    first, *others = (arrays(result, "weights") for result in epoch("mpi", 3))
    for other in others:
        for one, two in zip(first, other, strict=True):
            np.testing.assert_array_equal(one, two)


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


@pytest.mark.mpi
@pytest.mark.parametrize(("ranks", "code"), [(2, 2), (1, 0)])
def test_horovod_that_is_not_there(python, tmp_path, job_file, runs, ranks, code):
    """Asked for on several ranks it is refused in one line; one process has nothing to average."""
    script = tmp_path / "without.py"
    script.write_text(
        "import sys\n"
        "sys.modules['horovod'] = None\n"
        "from dcl_hpc.pipeline import command\n"
        "command.main(command.parser('run', ''), 'observe', 'rnn')\n"
    )
    done = python(
        script, job_file, "--runs", runs, "--set", "training.backend=horovod", ranks=ranks
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if line.startswith("dcl_hpc: error: ")]
    assert done.returncode == code and len(said) == (ranks > 1), done.stderr
    assert all("training.backend = 'horovod'" in line and "'mpi'" in line for line in said)


@pytest.mark.mpi
def test_backend_is_no_part_of_a_result(dcl, runs):
    """A network that one backend has begun is complete for the other."""
    assert dcl("observe").returncode == 0
    done = dcl("train", "--network", "rnn", "--set", "training.backend=mpi", ranks=2)
    assert done.returncode == 0 and "on 2 ranks by MPI" in done.stdout, done.stderr
    done = dcl("train", "--network", "rnn")
    assert done.returncode == 0 and "is complete" in done.stdout, done.stderr
