"""Images of two digits, as ±1, and which of them a sample of the machine learns.

The packed images, digits01.npz, are the first 1000 training and 200 test images of each of the digits 0 and
1 of MNIST (Y. LeCun and C. Cortes, CC BY-SA 3.0), made from MNIST's files by examples/pack_digits.py.
"""

import math
import zlib
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec

import numpy as np

from ..errors import UserError
from ..sampling.streams import Purpose, generator
from . import idx

PACKED = "digits01.npz"
# Pixels of an image.
N_INPUTS = {"packed": 784, "idx": 784, "keras": 784, "digits8x8": 64}
# A pixel above this is +1, others are -1: any ink of MNIST's 0 to 255; at least half of 0 to 16.
THRESHOLD = {"digits8x8": 7}


@dataclass(frozen=True)
class Digits:
    """Images of all digits that are asked for.

    Attributes
    ----------
    images : int8 (n, n_inputs)
        Pixels, -1 or 1, row by row.
    digit : uint8 (n,)
    test_images, test_digit
        The same of those that nobody learns from.
    wanted : tuple of int
        The two digits, in the order of the outputs.
    """

    images: np.ndarray
    digit: np.ndarray
    test_images: np.ndarray
    test_digit: np.ndarray
    wanted: tuple[int, int] = (0, 1)


@dataclass(frozen=True)
class Subset:
    """What one sample of the machine learns and is tested with.

    Attributes
    ----------
    inputs : int8 (M, n_inputs)
    labels : int8 (M, 2)
        (1, -1) for the first digit, (-1, 1) for the second.
    test_inputs : int8 (n_test, n_inputs)
    test_labels : int8 (n_test, 2)
    """

    inputs: np.ndarray
    labels: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray


def load(section) -> Digits:
    """Images as a job's section [data] says: its `source`, `folder` and `digits`.

    Raises
    ------
    UserError
        If there are none.
    """
    arrays = SOURCES[section.source](section)
    threshold = THRESHOLD.get(section.source, 0)
    parts = []
    for images, digit in (arrays[:2], arrays[2:]):
        chosen, pixels = np.isin(digit, section.digits), math.prod(images.shape[1:])
        if pixels != N_INPUTS[section.source]:
            raise UserError(f"data.folder: images of {pixels} pixels; those of MNIST have {N_INPUTS['idx']}")
        bright = images[chosen].reshape(-1, pixels) > threshold
        parts += [np.where(bright, np.int8(1), np.int8(-1)), digit[chosen].astype(np.uint8)]
    return Digits(*parts, wanted=tuple(section.digits))


def subset(digits: Digits, machine, test: int, seed: int, sample: int) -> Subset:
    """Images that a sample learns, drawn for it alone, as many of either digit.

    The images of a smaller machine of the same sample are among those of a larger one.

    Parameters
    ----------
    digits : Digits
    machine : Machine
        With its number of `images`; if odd, the first digit has one more.
    test : int
        Images of the test.
    seed, sample : int

    Raises
    ------
    UserError
        If there are too few.
    """
    random = generator(seed, Purpose.SUBSETS, sample)
    training = _drawn(digits.images, digits.digit, digits.wanted, machine.images, random, "machine.images")
    tested = _drawn(digits.test_images, digits.test_digit, digits.wanted, test, random, "data.test")
    return Subset(*training, *tested)


def _drawn(images, digit, wanted, n: int, random, key: str) -> tuple[np.ndarray, np.ndarray]:
    chosen = []
    for k, value in enumerate(wanted):
        rows, needed = random.permutation(np.flatnonzero(digit == value)), (n + 1 - k) // 2
        if len(rows) < needed:
            raise UserError(
                f"{key} = {n}: {needed} images of the digit {value} are needed, there are {len(rows)}; take "
                "fewer, or a data.source with more (all of MNIST: 'idx', 'keras')"
            )
        chosen.append(rows[:needed])
    labels = np.repeat(np.array([[1, -1], [-1, 1]], np.int8), [len(rows) for rows in chosen], axis=0)
    return images[np.concatenate(chosen)], labels


def pack(arrays: list[np.ndarray], counts: tuple[int, int]) -> dict[str, np.ndarray]:
    """The first images of the digits 0 and 1 as bits, one for each pixel with any ink.

    Parameters
    ----------
    arrays : list of ndarray
        As `idx.read_mnist` gives them.
    counts : tuple of int
        Training and test images of each digit.
    """
    packed = {}
    for name, images, digit, n in zip(("", "test_"), arrays[::2], arrays[1::2], counts, strict=True):
        rows = np.sort(np.concatenate([np.flatnonzero(digit == k)[:n] for k in (0, 1)]))
        ink = images[rows].reshape(len(rows), -1) > THRESHOLD.get("packed", 0)
        packed |= {f"{name}images": np.packbits(ink, axis=1), f"{name}digit": digit[rows].astype(np.uint8)}
    return packed


def _packed(section) -> list[np.ndarray]:
    if not set(section.digits) <= {0, 1}:
        raise UserError(
            f"data.digits = {list(section.digits)}: the packed images are of 0 and 1; take "
            "data.source = 'idx' or 'keras'"
        )
    try:
        with (
            resources.files(__package__).joinpath(PACKED).open("rb") as file,
            np.load(file, allow_pickle=False) as found,
        ):
            images, digit = found["images"], found["digit"]
            test_images, test_digit = found["test_images"], found["test_digit"]
    except (OSError, ValueError, KeyError, EOFError, zlib.error) as error:
        raise UserError(f"{PACKED} of this package cannot be read: {error}; install it anew") from None
    return [np.unpackbits(images, axis=1), digit, np.unpackbits(test_images, axis=1), test_digit]


def _idx(section) -> list[np.ndarray]:
    return idx.read_mnist(section.folder)


def _keras(section) -> list[np.ndarray]:
    if find_spec("keras") is None:
        raise UserError("data.source = 'keras' needs Keras; pip install '.[networks]', or set 'packed'")
    from .. import networks

    networks.start()
    from keras.datasets import mnist

    try:
        (images, digit), (test_images, test_digit) = mnist.load_data()
    except Exception as error:  # Keras tells of a failed download by a plain Exception
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"data.source = 'keras': MNIST cannot be fetched ({reason}); set data.source = 'idx' and "
            "data.folder, or 'packed'"
        ) from None
    return [images, digit, test_images, test_digit]


def _digits8x8(section) -> list[np.ndarray]:
    """Scikit-learn's 8x8 digits with 17 levels of grey, the last third of each digit for tests."""
    if find_spec("sklearn") is None:
        raise UserError("data.source = 'digits8x8' needs scikit-learn; pip install scikit-learn")
    from sklearn.datasets import load_digits

    images, digit = load_digits(return_X_y=True)
    rows = [np.flatnonzero(digit == value) for value in section.digits]
    parts = [
        np.concatenate([r[: 2 * len(r) // 3] for r in rows]),
        np.concatenate([r[2 * len(r) // 3 :] for r in rows]),
    ]
    return [array for part in parts for array in (images[part], digit[part])]


SOURCES = {"packed": _packed, "idx": _idx, "keras": _keras, "digits8x8": _digits8x8}
