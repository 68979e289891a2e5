"""What is measured of states: correlations and overlaps by layer, and the accuracy of the weights.

The last axis of every correlation has its three forms:

- raw, the sum over all elements divided by their number (arXiv:2506.06789, appendices D and E),
- the cosine of the angle between the two layers,
- raw of the signs.
"""

import numpy as np

FORMS = ("raw", "cosine", "sign")


def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    r"""Correlation of neurons by layer, :math:`c_l = (N_l M)^{-1} \sum_{\mu i} S^\mu_{l,i} S'^\mu_{l,i}`.

    Parameters
    ----------
    a, b : ndarray of float, shape (..., n_layers, M, N)

    Returns
    -------
    float64 (..., n_layers, 3)
        See `FORMS`. The cosine with a layer that is zero is nan.
    """
    flat = [np.reshape(x, (*x.shape[:-2], -1)) for x in (a, b)]
    return _forms(*flat)


def of_weights(machine, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    r"""Correlation of weights by layer, :math:`C_l = (N_l N_{l-1})^{-1} \sum_{ij} J_{l,ij} J'_{l,ij}`.

    Parameters
    ----------
    machine : Machine
    a, b : ndarray of float, shape (n, n_weights)

    Returns
    -------
    float64 (n, L, 3)
        See `FORMS`.
    """
    pairs = zip(machine.split(a), machine.split(b), strict=True)
    return np.stack([_forms(_flat(x), _flat(y)) for x, y in pairs], axis=1)


def overlaps(neurons: np.ndarray) -> np.ndarray:
    """Overlaps q_l^{ab} of the neurons of all pairs of replicas, by layer.

    Parameters
    ----------
    neurons : ndarray of float, shape (R, n_layers, M, N)

    Returns
    -------
    float64 (R, R, n_layers, 3)
        See `FORMS`.
    """
    layers = neurons.reshape(*neurons.shape[:2], -1)
    return np.stack([_overlaps(layers[:, k]) for k in range(layers.shape[1])], axis=2)


def overlaps_of_weights(machine, weights: np.ndarray) -> np.ndarray:
    """Overlaps Q_l^{ab} of the weights, shape (R, n_weights), of all pairs of replicas.

    Returns
    -------
    float64 (R, R, L, 3)
        See `FORMS`.
    """
    return np.stack([_overlaps(_flat(layer)) for layer in machine.split(weights)], axis=2)


def accuracy(machine, weights: np.ndarray, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    r"""Share of images that the weights tell right by feed-forward of signs (appendix D).

    :math:`S_l = \mathrm{sgn}(N_{l-1}^{-1/2} \sum_j J_{l,ij} S_{l-1,j})`, layer by layer; an image is right if
    all outputs are.

    Parameters
    ----------
    machine : Machine
    weights : ndarray of float, shape (n, n_weights)
    inputs : int8 (m, n_inputs) or (n, m, n_inputs)
        The same images for all weights, or others for each.
    labels : int8 (m, 2) or (n, m, 2)

    Returns
    -------
    float64 (n,)
    """
    states = np.asarray(inputs, weights.dtype)
    for layer in machine.split(weights):
        field = states @ layer.swapaxes(1, 2)
        states = np.where(field < 0, weights.dtype.type(-1), weights.dtype.type(1))
    return (states == labels).all(axis=-1).mean(axis=-1)


def _flat(layers: np.ndarray) -> np.ndarray:
    """Rows of all elements of each layer."""
    return layers.reshape(len(layers), -1)


def _forms(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The three forms of a correlation, (..., 3), of elements along the last axis."""
    products, a_squares, b_squares = (
        np.einsum("...k,...k", x, y, dtype=np.float64) for x, y in ((a, b), (a, a), (b, b))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = products / np.sqrt(a_squares * b_squares)
    signs = np.einsum("...k,...k", np.sign(a), np.sign(b), dtype=np.float64)
    return np.stack([products / a.shape[-1], cosine, signs / a.shape[-1]], axis=-1)


def _overlaps(rows: np.ndarray) -> np.ndarray:
    """The three forms for all pairs of rows, (R, R, 3)."""
    rows = rows.astype(np.float64)
    products, signs = rows @ rows.T, np.sign(rows) @ np.sign(rows).T
    size = np.sqrt(np.diag(products))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = products / np.outer(size, size)
    return np.stack([products / rows.shape[1], cosine, signs / rows.shape[1]], axis=-1)
