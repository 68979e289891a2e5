"""What training of the RNN is held against: its matrix products alone, the same step by Keras and PyTorch."""

import numpy as np
import tensorflow as tf


def products(sites: int, batch: int, hidden: int, training: bool):
    """The matrix products of the recurrence alone."""
    h, d = tf.random.normal([sites, batch, hidden]), tf.random.normal([sites, batch, 3 * hidden])
    w = tf.random.normal([hidden, 3 * hidden])

    @tf.function(autograph=False)
    def work():
        results = []
        for x, y in zip(tf.unstack(h), tf.unstack(d), strict=True):  # no two products are the same
            results.append(tf.matmul(x, w))
            if training:
                results += [tf.matmul(y, w, transpose_b=True), tf.matmul(x, y, transpose_a=True)]
        return tf.add_n([product[0, 0] for product in results])

    return lambda: float(work())


def keras_step(states: np.ndarray, hidden: int):
    """A step on states (batch, sites) by keras.layers.GRU, a softmax out of each; None without Keras."""
    try:
        keras = tf.keras
        model = keras.Sequential([keras.layers.GRU(hidden, return_sequences=True), keras.layers.Dense(2)])
    except (ImportError, AttributeError):  # TensorFlow takes it from a package of its own
        return None
    optimizer = keras.optimizers.Adam(2e-3)
    tokens = states.astype(np.int32)
    inputs = tf.one_hot(np.pad(tokens[:, :-1], ((0, 0), (1, 0)), constant_values=2), 3)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(tokens, model(inputs)))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return lambda: float(step())


def torch_step(states: np.ndarray, hidden: int):
    """The same step by torch.nn.GRU, or None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    gru, head = torch.nn.GRU(3, hidden), torch.nn.Linear(hidden, 2)
    optimizer = torch.optim.Adam([*gru.parameters(), *head.parameters()], 2e-3)
    tokens = torch.from_numpy(states.T.astype(np.int64))
    inputs = torch.nn.functional.one_hot(torch.cat([torch.full((1, len(states)), 2), tokens[:-1]]), 3).float()

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(head(gru(inputs)[0]).reshape(-1, 2), tokens.reshape(-1))
        loss.backward()
        optimizer.step()
        return float(loss)

    return step
