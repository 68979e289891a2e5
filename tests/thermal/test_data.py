"""Images from IDX files and the packed ones; a sample's subset is balanced, its own, and reproducible."""

import gzip
import os
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.thermal import data, idx
from dcl_hpc.thermal.machine import Machine

ROOT = Path(__file__).parents[2]
# More than any file of MNIST has, in some hundred kB.
BOMB = gzip.compress(bytes(2**28 + 1), 1)


def section(source="packed", folder=None, digits=(0, 1)):
    """A job's section [data]."""
    return SimpleNamespace(source=source, folder=folder, digits=digits)


def idx_bytes(array: np.ndarray) -> bytes:
    """An array of bytes in the IDX format."""
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.fixture
def mnist(tmp_path):
    """A folder like MNIST's with random images of all digits, the tests compressed, and its arrays."""
    random, arrays = np.random.default_rng(1), []
    for part, n in (("train", 60), ("t10k", 30)):
        digit = np.arange(n, dtype=np.uint8) % 10
        images = random.integers(0, 256, (n, 28, 28), np.uint8) * random.integers(0, 2, (n, 28, 28), np.uint8)
        for what, array in (("images-idx3", images), ("labels-idx1", digit)):
            content = idx_bytes(array)
            name = f"{part}-{what}-ubyte" + (".gz" if part == "t10k" else "")
            (tmp_path / name).write_bytes(gzip.compress(content) if part == "t10k" else content)
            arrays.append(array)
    return tmp_path, arrays


def test_idx_files(mnist):
    """All four arrays come back; pixels above 0 are +1, and only the digits asked for are kept."""
    folder, arrays = mnist
    for found, written in zip(idx.read_mnist(folder), arrays, strict=True):
        np.testing.assert_array_equal(found, written)
    digits = data.load(section("idx", folder, (3, 7)))
    chosen = np.isin(arrays[1], (3, 7))
    assert digits.images.dtype == np.int8 and len(digits.test_digit) == 6
    np.testing.assert_array_equal(digits.images == 1, arrays[0][chosen].reshape(-1, 784) > 0)
    np.testing.assert_array_equal(digits.digit, arrays[1][chosen])


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("train-labels-idx1-ubyte", None, "train-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte", lambda content: content[:-1], "has 47055 bytes, 60x28x28 take 47056"),
        ("train-images-idx3-ubyte", lambda content: b"PNG" + content, "not an IDX file"),
        ("train-images-idx3-ubyte", lambda content: b"", "not an IDX file"),
        ("t10k-images-idx3-ubyte.gz", lambda content: content[:-9], "cannot be read"),
        ("train-labels-idx1-ubyte", lambda content: content[:3] + b"\3" + content[4:], "take"),
        (
            "train-labels-idx1-ubyte",
            lambda content: idx_bytes(np.zeros(7, np.uint8)),
            "60 images but 7 labels",
        ),
        ("t10k-images-idx3-ubyte.gz", lambda content: BOMB, "unpacked it has more than 256 MiB"),
        ("train-images-idx3-ubyte", lambda content: bytes([0, 0, 8, 200]) + b"\0\0\0\1" * 200, "not an IDX"),
        ("train-images-idx3-ubyte", lambda content: content[:9], "has 9 bytes"),
        (
            "train-images-idx3-ubyte",
            lambda content: idx_bytes(np.zeros((60, 0, 28), np.uint8)),
            "of 0 pixels",
        ),
        (
            "train-labels-idx1-ubyte",
            lambda content: content[:-1] + b"\x0a",
            "the labels in the files train-* go",
        ),
    ],
)
def test_wrong_files(mnist, name, change, told):
    """What is missing, cut off or something else is told in one line with its name."""
    folder, _ = mnist
    if change is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(change((folder / name).read_bytes()))
    with pytest.raises(UserError) as error:
        data.load(section("idx", folder))
    assert told in str(error.value) and "\n" not in str(error.value)


def test_pipe_in_place_of_a_file(mnist):
    """A pipe is told, and nobody waits for what it may bring."""
    folder, _ = mnist
    (folder / "train-images-idx3-ubyte").unlink()
    os.mkfifo(folder / "train-images-idx3-ubyte")
    with pytest.raises(UserError, match="it is a pipe, not a file; fetch it anew"):
        data.load(section("idx", folder))


def test_no_image_of_a_digit(mnist):
    """Where a digit does not occur, the subset tells so."""
    folder, _ = mnist
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.full(60, 5, np.uint8)))
    digits = data.load(section("idx", folder))
    assert digits.images.shape == (0, 784)
    with pytest.raises(UserError, match="3 images of the digit 0 are needed, there are 0"):
        data.subset(digits, Machine(3, 2, 6), 4, 5, 0)


def test_packed_images():
    """2000 and 400 images, half of them zeros; a zero has a dark middle, a one a bright one."""
    digits = data.load(section())
    assert np.bincount(digits.digit).tolist() == [1000, 1000]
    assert np.bincount(digits.test_digit).tolist() == [200, 200]
    middle = digits.images.reshape(-1, 28, 28)[:, 13:15, 13:15].mean(axis=(1, 2))
    assert middle[digits.digit == 0].mean() < -0.7 and middle[digits.digit == 1].mean() > 0.6
    with pytest.raises(UserError, match="the packed images are of 0 and 1"):
        data.load(section(digits=(3, 5)))


def test_script_packs(mnist, monkeypatch):
    """The script takes the first images of each digit from IDX files, and they come back as ±1."""
    folder, arrays = mnist
    path = folder / "packed.npz"
    script = ROOT / "examples" / "pack_digits.py"
    monkeypatch.setattr(sys, "argv", [str(script), str(folder), str(path), "--training", "4", "--test", "2"])
    runpy.run_path(str(script), run_name="__main__")
    with np.load(path, allow_pickle=False) as packed:
        rows = np.flatnonzero(np.isin(arrays[1], (0, 1)))[:8]
        np.testing.assert_array_equal(packed["digit"], arrays[1][rows])
        bits = np.unpackbits(packed["images"], axis=1)
        np.testing.assert_array_equal(bits, arrays[0][rows].reshape(8, -1) > 0)
        assert len(packed["test_digit"]) == 4 and "CC BY-SA" in str(packed["about"])


def test_subsets():
    """A sample has its own images, as many of each digit, the same at every call and within larger ones."""
    digits = data.load(section())
    small, large = Machine(3, 2, 11), Machine(3, 2, 30)
    one = data.subset(digits, small, 40, seed=5, sample=0)
    assert one.inputs.shape == (11, 784) and one.test_inputs.shape == (40, 784)
    assert one.labels.tolist() == [[1, -1]] * 6 + [[-1, 1]] * 5
    again = data.subset(digits, small, 40, seed=5, sample=0)
    np.testing.assert_array_equal(one.inputs, again.inputs)
    other = data.subset(digits, small, 40, seed=5, sample=1)
    assert (one.inputs != other.inputs).any()
    more = data.subset(digits, large, 40, seed=5, sample=0)
    np.testing.assert_array_equal(more.inputs[:6], one.inputs[:6])
    with pytest.raises(UserError, match=r"machine\.images = 4000: 2000 images of the digit 0"):
        data.subset(digits, Machine(3, 2, 4000), 40, 5, 0)
    with pytest.raises(UserError, match=r"data\.test = 500"):
        data.subset(digits, small, 500, 5, 0)


def test_digits8x8():
    """Scikit-learn's digits have 64 pixels, and those of the test are not among the others."""
    pytest.importorskip("sklearn")
    digits = data.load(section("digits8x8"))
    assert digits.images.shape[1] == data.N_INPUTS["digits8x8"] == 64
    assert min(np.bincount(digits.test_digit)) > 50
    assert len(digits.images) + len(digits.test_images) == 360
