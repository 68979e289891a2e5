"""The gated recurrent unit over a whole sequence, with a gradient written out by hand.

Automatic differentiation of the unrolled loop spends most of its time in dozens of small elementwise
operations a step. Here the elementwise part of a step is one compiled function forwards and one
backwards, and the gradient of the recurrent weights is a single product over all steps.
"""

import tensorflow as tf


@tf.function(jit_compile=True, autograph=False)
def cell(projected, from_h, h, bias):
    """Elementwise part of one step (Cho et al., arXiv:1409.1259; reset applied after the product).

    Parameters
    ----------
    projected : float32 (batch, 3 hidden)
        Inputs times input weights: update gate, reset gate, candidate.
    from_h : float32 (batch, 3 hidden)
        State times recurrent weights, in the same order.
    h : float32 (batch, hidden)
    bias : float32 (hidden,)
        Added to the candidate's part of `from_h` before the reset.

    Returns
    -------
    new state, update, reset, candidate, candidate's part of from_h : float32 (batch, hidden)
    """
    hidden = h.shape[1]
    gates = tf.sigmoid(projected[:, : 2 * hidden] + from_h[:, : 2 * hidden])
    update, reset = gates[:, :hidden], gates[:, hidden:]
    inner = from_h[:, 2 * hidden :] + bias
    candidate = tf.tanh(projected[:, 2 * hidden :] + reset * inner)
    return candidate + update * (h - candidate), update, reset, candidate, inner


@tf.function(jit_compile=True, autograph=False)
def cell_gradient(dh, update, reset, candidate, inner, h):
    """Gradients of one step with respect to `projected`, `from_h`, and directly to `h`."""
    d_candidate = dh * (1 - update) * (1 - candidate * candidate)
    d_update = dh * (h - candidate) * update * (1 - update)
    d_reset = d_candidate * inner * reset * (1 - reset)
    d_projected = tf.concat([d_update, d_reset, d_candidate], 1)
    d_from_h = tf.concat([d_update, d_reset, d_candidate * reset], 1)
    return d_projected, d_from_h, dh * update


@tf.custom_gradient
def sequence(projected, recurrent, bias):
    """States after every step, float32 (steps, batch, hidden), from a zero state.

    Parameters
    ----------
    projected : float32 (steps, batch, 3 hidden)
    recurrent : float32 (hidden, 3 hidden)
    bias : float32 (hidden,)
    """
    steps, hidden = projected.shape[0], recurrent.shape[0]
    h = tf.zeros([tf.shape(projected)[1], hidden])
    before, saved, after = [], [], []
    for x in tf.unstack(projected, num=steps):
        before.append(h)
        h, *inner = cell(x, tf.matmul(h, recurrent), h, bias)
        saved.append(inner)
        after.append(h)

    def gradient(d_after):
        dh = tf.zeros_like(h)
        d_projected, d_from_h = [None] * steps, [None] * steps
        d_after = tf.unstack(d_after, num=steps)
        for t in reversed(range(steps)):
            dh = dh + d_after[t]
            d_projected[t], d_from_h[t], direct = cell_gradient(dh, *saved[t], before[t])
            dh = direct + tf.matmul(d_from_h[t], recurrent, transpose_b=True)
        d_all = tf.concat(d_from_h, 0)
        d_recurrent = tf.matmul(tf.concat(before, 0), d_all, transpose_a=True)
        return tf.stack(d_projected), d_recurrent, tf.reduce_sum(d_all[:, 2 * hidden :], 0)

    return tf.stack(after), gradient
