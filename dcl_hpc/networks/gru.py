"""One layer of gated recurrent units over a whole sequence, with a gradient written out by hand.

Automatic differentiation of the unrolled loop spends most of its time in dozens of small elementwise
operations a step. Here the elementwise part of a step is one compiled function forwards and one
backwards, and all products are taken step by step, while their operands are in the cache.
"""

import tensorflow as tf


@tf.function(jit_compile=True, autograph=False)
def cell(projected, from_h, h, bias):
    """Elementwise part of one step (Cho et al., arXiv:1409.1259; reset applied after the product).

    Parameters
    ----------
    projected : float (batch, 3 hidden)
        Inputs times input weights: update gate, reset gate, candidate.
    from_h : float (batch, 3 hidden)
        State times recurrent weights, in the same order.
    h : float32 (batch, hidden)
    bias : float32 (hidden,)
        Added to the candidate's part of `from_h` before the reset.

    Returns
    -------
    h : float32 (batch, hidden)
        The new state.
    update, reset, candidate, inner : (batch, hidden), of the type of `from_h`
        The gates, the candidate and its part of `from_h`.
    """
    hidden, kept = h.shape[1], from_h.dtype
    projected, from_h = tf.cast(projected, tf.float32), tf.cast(from_h, tf.float32)
    update = tf.sigmoid(projected[:, :hidden] + from_h[:, :hidden])
    reset = tf.sigmoid(projected[:, hidden : 2 * hidden] + from_h[:, hidden : 2 * hidden])
    inner = from_h[:, 2 * hidden :] + bias
    candidate = tf.tanh(projected[:, 2 * hidden :] + reset * inner)
    new = candidate + update * (h - candidate)
    return new, *(tf.cast(x, kept) for x in (update, reset, candidate, inner))


@tf.function(jit_compile=True, autograph=False)
def cell_gradient(dh, update, reset, candidate, inner, h):
    """Gradients of one step with respect to `projected`, `from_h`, and directly to `h`."""
    kept = update.dtype
    update, reset, candidate, inner, h = (
        tf.cast(x, tf.float32) for x in (update, reset, candidate, inner, h)
    )
    d_candidate = dh * (1 - update) * (1 - candidate * candidate)
    d_update = dh * (h - candidate) * update * (1 - update)
    d_reset = d_candidate * inner * reset * (1 - reset)
    d_projected = tf.concat([d_update, d_reset, d_candidate], 1)
    d_from_h = tf.concat([d_update, d_reset, d_candidate * reset], 1)
    return tf.cast(d_projected, kept), tf.cast(d_from_h, kept), dh * update


def layer(inputs, weights, recurrent, bias, dtype=tf.float32):
    """States after every step, float32 (steps, batch, hidden), from a zero state.

    Parameters
    ----------
    inputs : float32 (steps, batch, width)
    weights : float32 (copies, width, 3 hidden)
        One copy for all steps, or one for each.
    recurrent : float32 (hidden, 3 hidden)
    bias : float32 (hidden,)
    dtype : tf.DType
        Type of the factors of all products and of what is kept for the gradient; sums, states and
        gradients of weights are float32.
    """
    return _layer(dtype)(inputs, weights, recurrent, bias)


def _layer(dtype):
    def low(x):
        return tf.cast(x, dtype)

    @tf.custom_gradient
    def function(inputs, weights, recurrent, bias):
        steps, copies, hidden = inputs.shape[0], weights.shape[0], recurrent.shape[0]
        h = tf.zeros([tf.shape(inputs)[1], hidden])
        x = tf.unstack(low(inputs), num=steps)
        w, r = tf.unstack(low(weights), num=copies) * (steps // copies), low(recurrent)
        before, saved, after = [], [], []
        for t in range(steps):
            before.append(low(h))
            h, *inner = cell(tf.matmul(x[t], w[t]), tf.matmul(before[t], r), h, bias)
            saved.append(inner)
            after.append(h)

        def gradient(d_after):
            dh = tf.zeros_like(h)
            d_after = tf.unstack(d_after, num=steps)
            d_inputs, d_weights = [None] * steps, [None] * steps
            d_recurrent, d_bias = tf.zeros_like(recurrent), tf.zeros_like(bias)
            for t in reversed(range(steps)):
                d_projected, d_from_h, direct = cell_gradient(dh + d_after[t], *saved[t], before[t])
                dh = direct + tf.cast(tf.matmul(d_from_h, r, transpose_b=True), tf.float32)
                d_inputs[t] = tf.cast(tf.matmul(d_projected, w[t], transpose_b=True), tf.float32)
                d_weights[t] = tf.cast(tf.matmul(x[t], d_projected, transpose_a=True), tf.float32)
                d_recurrent += tf.cast(tf.matmul(before[t], d_from_h, transpose_a=True), tf.float32)
                d_bias += tf.reduce_sum(tf.cast(d_from_h[:, 2 * hidden :], tf.float32), 0)
            d_weights = tf.stack(d_weights) if copies == steps else tf.add_n(d_weights)[None]
            return tf.stack(d_inputs), d_weights, d_recurrent, d_bias

        return tf.stack(after), gradient

    return function
