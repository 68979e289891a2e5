"""The training loop of both networks."""

import time
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..errors import UserError

CHECKPOINT_SECONDS = 60.0


@dataclass
class State:
    """Where a training stands.

    Attributes
    ----------
    epoch, step : int
        Epoch and step within it that come next.
    loss_sum : float
        Sum of the batch losses since the last validation.
    summed : int
        Number of these losses.
    best : float
        Lowest validation loss so far.
    wall : float
        Seconds of training.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    summed: int = 0
    best: float = float("inf")
    wall: float = 0.0


class Adam:
    """Adam (Kingma and Ba, arXiv:1412.6980) with warm-up, cosine decay and clipping by norm.

    Parameters
    ----------
    variables : list of tf.Variable
    rate : float
        Largest learning rate.
    steps : int
        Steps of the whole training.
    warmup : float
        Share of the steps in which the rate rises linearly.
    clip : float
        Largest Euclidean norm of the gradient.
    decay : {"cosine", "none"}
    """

    beta1, beta2, epsilon = 0.9, 0.999, 1e-7

    def __init__(self, variables, rate: float, steps: int, warmup: float, clip: float, decay="cosine"):
        self.variables, self.clip, self.decay = list(variables), clip, decay
        self.rate, self.steps, self.warmup = rate, steps, max(1.0, warmup * steps)
        self.first = [tf.Variable(tf.zeros_like(v)) for v in self.variables]
        self.second = [tf.Variable(tf.zeros_like(v)) for v in self.variables]
        self.count = tf.Variable(0.0)

    def learning_rate(self, count):
        """Rate at a step."""
        progress = (count - self.warmup) / max(1.0, self.steps - self.warmup)
        cosine = 0.5 * (1 + tf.cos(np.pi * tf.clip_by_value(progress, 0.0, 1.0)))
        after = 0.01 + 0.99 * cosine if self.decay == "cosine" else 1.0
        return self.rate * tf.minimum(count / self.warmup, after)

    def apply(self, gradients) -> None:
        """Update the variables."""
        gradients, _ = tf.clip_by_global_norm(gradients, self.clip)
        t = self.count.assign_add(1.0)
        rate = self.learning_rate(t) * tf.sqrt(1 - self.beta2**t) / (1 - self.beta1**t)
        for variable, m, v, g in zip(self.variables, self.first, self.second, gradients, strict=True):
            m.assign_add((1 - self.beta1) * (g - m))
            v.assign_add((1 - self.beta2) * (g * g - v))
            variable.assign_sub(rate * m / (tf.sqrt(v) + self.epsilon))


class Trainer:
    """Trains a network on batches, the same way on any number of ranks.

    Parameters
    ----------
    variables : list of tf.Variable
        With unique names.
    loss : callable
        Maps the tensors of a batch to the loss of each row, float32 (rows,); in training it is given a
        `seed`, int32 (2,), of its own for every step and rank.
    batches : Batches
    parallel : SingleProcess, Horovod or Mpi
    settings : object with epochs, validations, learning_rate, warmup, clip, decay, patience, average
        With an `average` the weights that are validated, and of which the best are kept, are averages over
        the last steps: exponential ones with a memory of this share of all steps, plain ones until then.
    """

    def __init__(self, variables, loss, batches, parallel, settings):
        self.variables, self.batches, self.parallel = list(variables), batches, parallel
        self.epochs = settings.epochs
        self.total = settings.epochs * batches.steps
        self.optimizer = Adam(
            self.variables, settings.learning_rate, self.total, settings.warmup, settings.clip, settings.decay
        )
        self.patience = settings.patience
        self.averages = [tf.Variable(v) for v in self.variables] if settings.average else []
        least = 1 / max(1.0, settings.average * self.total)
        # steps of an epoch after which the held-out rows are looked at
        self.validations = {
            -(-batches.steps * k // settings.validations) for k in range(1, settings.validations + 1)
        }
        self.state = State()
        self.history: dict[str, list[float]] = {}
        self.best = [v.numpy() for v in self.variables]
        self._row_losses = tf.function(loss, reduce_retracing=True, autograph=False)
        share = batches.batch / parallel.size

        @tf.function(reduce_retracing=True, autograph=False)
        def gradients(*columns):
            with tf.GradientTape() as tape:
                # the mean over ranks of these sums is the mean over the global batch
                seed = tf.stack([tf.cast(self.optimizer.count, tf.int32), parallel.rank])
                value = tf.reduce_sum(loss(*columns, seed=seed)) / share
            return value, tape.gradient(value, self.variables)

        @tf.function(reduce_retracing=True, autograph=False)
        def step(*columns):
            value, local = gradients(*columns)
            value, *mean = parallel.mean([value, *local])
            self.optimizer.apply(mean)
            for average, variable in zip(self.averages, self.variables, strict=False):
                average.assign_add(tf.maximum(1 / self.optimizer.count, least) * (variable - average))
            return value

        self.gradients, self._step = gradients, step

    def arrays(self) -> dict[str, np.ndarray]:
        """All that a restart needs beside `state`; best weights under best_NAME."""
        result = {"adam_count": self.optimizer.count.numpy()}
        rows = zip(self.variables, self.best, self.optimizer.first, self.optimizer.second, strict=True)
        for variable, best, first, second in rows:
            name = variable.name.split(":")[0]
            result[f"last_{name}"], result[f"best_{name}"] = variable.numpy(), best
            result[f"first_{name}"], result[f"second_{name}"] = first.numpy(), second.numpy()
        for variable, average in zip(self.variables, self.averages, strict=False):
            result["average_" + variable.name.split(":")[0]] = average.numpy()
        return result

    def restore(self, state: State, arrays: dict, history: dict) -> None:
        """Go on from what `arrays`, `state` and `history` were."""
        self.state, self.history = state, history
        self.optimizer.count.assign(arrays["adam_count"])
        rows = zip(self.variables, self.optimizer.first, self.optimizer.second, strict=True)
        for k, (variable, first, second) in enumerate(rows):
            name = variable.name.split(":")[0]
            variable.assign(arrays[f"last_{name}"])
            first.assign(arrays[f"first_{name}"])
            second.assign(arrays[f"second_{name}"])
            self.best[k] = arrays[f"best_{name}"]
            if self.averages:
                self.averages[k].assign(arrays[f"average_{name}"])

    def run(self, save, progress, should_stop, baseline: np.ndarray | None = None, record=None) -> bool:
        """Train to the end.

        Parameters
        ----------
        save : callable ()
            Writes a checkpoint; called at every validation, about once a minute, and before stopping.
        progress : object with step(n, note)
        should_stop : callable () -> bool
            Collective; asked after every tenth step and every validation.
        baseline : ndarray of float64, shape (validation rows,), optional
            Smallest loss that each validation row could have; the mean excess over it is recorded as
            `excess`.
        record : callable (step, dict of str to float), optional
            Told the loss, the learning rate and rows/s every tenth step, and every validation's result.

        Returns
        -------
        bool
            Whether the training is complete.

        Raises
        ------
        UserError
            If the loss is not finite.
        """
        moments = [*self.optimizer.first, *self.optimizer.second, self.optimizer.count]
        self.parallel.broadcast([*self.variables, *moments, *self.averages])
        record = record or (lambda step, values: None)
        clock, saved = time.monotonic() - self.state.wall, time.monotonic()
        while not self.finished:
            for batch in self.batches.epoch(self.state.epoch, self.state.step):
                loss = float(self._step(*[tf.constant(column) for column in batch]))
                self._check(loss)
                self.state.step += 1
                self.state.loss_sum += loss
                self.state.summed += 1
                before, self.state.wall = self.state.wall, time.monotonic() - clock
                progress.step(self.batches.batch, f"loss {loss:.4f}")
                if self.state.step % 10 == 0:
                    rate = float(self.optimizer.learning_rate(self.optimizer.count))
                    speed = self.batches.batch / (self.state.wall - before)
                    record(self.steps, {"loss": loss, "learning_rate": rate, "configurations_per_s": speed})
                validating = self.state.step in self.validations
                if validating:
                    record(self.steps, self._validated(baseline))
                    self.state.wall = time.monotonic() - clock
                stop = (validating or self.state.step % 10 == 0) and not self.finished and should_stop()
                if validating or stop or time.monotonic() - saved > CHECKPOINT_SECONDS:
                    save()
                    saved = time.monotonic()
                if stop:
                    return False
                if self.finished:
                    break
        return True

    @property
    def steps(self) -> int:
        """Steps done in all."""
        return self.state.epoch * self.batches.steps + self.state.step

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or `patience` validations were without improvement."""
        losses = self.history.get("validation", [])
        waited = len(losses) - 1 - int(np.argmin(losses)) if losses else 0
        return self.state.epoch >= self.epochs or (self.patience is not None and waited >= self.patience)

    def use_best(self) -> None:
        """Give the network the weights of the lowest validation loss."""
        for variable, best in zip(self.variables, self.best, strict=True):
            variable.assign(best)

    def held_out_losses(self) -> np.ndarray:
        """Loss of every held-out row, float64, the same on all ranks."""
        losses = np.zeros(self.batches.n_held_out)
        for row, columns in self.batches.held_out():
            part = self._row_losses(*[tf.constant(c) for c in columns]).numpy()
            losses[row : row + len(part)] = part
        return self.parallel.sum(losses)

    def _check(self, loss: float) -> None:
        if not np.isfinite(loss):
            raise UserError.everywhere(
                f"the loss is {loss} in epoch {self.state.epoch + 1}: training diverged; lower "
                "learning_rate (the last good checkpoint is kept)"
            )

    @contextmanager
    def _averaged(self):
        """The network has its averaged weights, if there are any, and then those of the last step again."""
        last = [v.numpy() for v in self.variables]
        for variable, average in zip(self.variables, self.averages, strict=False):
            variable.assign(average)
        yield
        for variable, weights in zip(self.variables, last, strict=True):
            variable.assign(weights)

    def _validated(self, baseline) -> dict[str, float]:
        with self._averaged():
            validation, excess = self.validate(baseline)
            weights = [v.numpy() for v in self.variables]
        self._check(validation)
        row = {
            "epoch": self.steps / self.batches.steps,
            "training": self.state.loss_sum / self.state.summed,
            "validation": validation,
        }
        if baseline is not None:
            row["excess"] = excess
        for name, value in row.items():
            self.history.setdefault(name, []).append(value)
        if validation < self.state.best:
            self.state.best = validation
            self.best = weights
        self.state.loss_sum, self.state.summed = 0.0, 0
        if self.state.step == self.batches.steps:
            self.state.epoch, self.state.step = self.state.epoch + 1, 0
        return row

    def validate(self, baseline: np.ndarray | None = None) -> tuple[float, float]:
        """Mean validation loss, and its mean excess over a baseline."""
        losses = self.held_out_losses()
        return float(losses.mean()), float((losses - (0 if baseline is None else baseline)).mean())
