"""One thread for TensorFlow: with several, a product is cut up and added in another order, to other bits."""

import warnings

import tensorflow as tf


def use_one() -> None:
    """Let every operation use one thread; to be called before TensorFlow works for the first time."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
    except RuntimeError:
        warnings.warn(
            "TensorFlow works with several threads already: trajectories get other bits than with one",
            stacklevel=3,
        )
