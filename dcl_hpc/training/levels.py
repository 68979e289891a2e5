"""Weights with which all energies count the same in a fit to labels, however many labels they have."""

import numpy as np
import tensorflow as tf

# Levels of energy, and the largest weight of a label, in that of one of as many on all levels.
LEVELS, LARGEST = 100, 10


def level_weights(energies: np.ndarray):
    """Inverse frequencies of the levels of labels, limited where there are very few.

    Parameters
    ----------
    energies : ndarray of float, shape (n,)
        All labels in J.

    Returns
    -------
    callable
        Maps energies, float32 (n,), to their weights, float32 (n,); the mean over all labels is 1.
    """
    counts, edges = np.histogram(energies, LEVELS)
    weights = 1 / np.maximum(counts, len(energies) / LEVELS / LARGEST)
    weights = (weights * len(energies) / (weights @ counts)).astype(np.float32)
    low, width = np.float32(edges[0]), np.float32(edges[1] - edges[0])

    def of(energies):
        levels = tf.cast((energies - low) / width, tf.int32)
        return tf.gather(weights, tf.clip_by_value(levels, 0, LEVELS - 1))

    return of
