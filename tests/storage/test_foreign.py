"""Files of other programs: every format gives back its configurations."""

import os

import h5py
import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.physics import configurations
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.storage import apart, arrays
from dcl_hpc.storage.foreign import ForeignConfigurations

from .foreign_files import POTTS, SHAPE, STATES, everything, save


@pytest.mark.parametrize("kind", ["npy", "npz", "h5", "hdf5", "txt", "dat", "csv"])
@pytest.mark.parametrize("flat", [False, True], ids=["lattice", "sites"])
@pytest.mark.parametrize("convention", ["0 and 1", "-1 and 1", "five states"])
def test_every_format(tmp_path, kind, flat, convention):
    """Every format gives states 0 ... Q-1 as uint8 in the order of the file, of either shape."""
    expected, n_states = (POTTS, 5) if convention == "five states" else (STATES, 2)
    values = 2 * expected - 1 if convention == "-1 and 1" else expected
    address = save(tmp_path, values.reshape(30, -1) if flat else values, kind)
    source = ForeignConfigurations(address, Lattice(SHAPE), n_states)
    assert source.n == 30
    source.check()
    block = source.read(7, 20)
    assert block.dtype == np.uint8
    np.testing.assert_array_equal(block, expected.reshape(30, -1)[7:20])
    np.testing.assert_array_equal(source.read(0, 30), expected.reshape(30, -1))


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", ">i2", "<i8", "uint64", "float16", ">f4", "float64", "longdouble"]
)
@pytest.mark.parametrize("kind", ["npy", "npz", "h5"])
def test_types(tmp_path, kind, dtype):
    """Booleans, integers and whole floats of any size and byte order are states."""
    address = save(tmp_path, STATES.astype(dtype), kind)
    np.testing.assert_array_equal(everything(address), STATES.reshape(30, -1))


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_signs_of_any_type(tmp_path, dtype):
    """-1 and 1 may be integers or floats."""
    address = save(tmp_path, (2 * STATES - 1).astype(dtype), "npy")
    np.testing.assert_array_equal(everything(address), STATES.reshape(30, -1))


@pytest.mark.parametrize("value", [0, 1, -1])
def test_one_value_only(tmp_path, value):
    """A file of equal spins is unambiguous: 1 is up, 0 and -1 are down."""
    states = everything(save(tmp_path, np.full((3, *SHAPE), value), "npy"))
    np.testing.assert_array_equal(states, np.full((3, 24), value == 1))


def test_largest_number_of_states(tmp_path):
    """All of 0 ... 254 are read as they are, 255 is a lost atom, also where the type cannot hold Q."""
    values = np.arange(255, dtype=np.uint8)[:240].reshape(10, *SHAPE) + 15
    np.testing.assert_array_equal(
        everything(save(tmp_path, values, "npy"), n_states=255).ravel(), range(15, 255)
    )
    np.testing.assert_array_equal(
        everything(save(tmp_path, values + 1, "npy"), n_states=255).ravel(), range(16, 256)
    )
    small = np.ones((2, *SHAPE), np.int8)
    assert everything(save(tmp_path, small, "npy"), n_states=255).all()


@pytest.mark.parametrize("kind", ["npy", "npz", "h5"])
@pytest.mark.parametrize("leading", [(30,), (5, 6), (2, 5, 3), (1, 30), (30, 1)])
@pytest.mark.parametrize("shape", [SHAPE, (24,), (2, 3, 4)])
def test_leading_axes(tmp_path, kind, leading, shape):
    """Leading axes such as record and chain are flattened in C order, whatever part is read."""
    address = save(tmp_path, STATES.reshape(*leading, *shape), kind)
    source = ForeignConfigurations(address, Lattice(shape), 2)
    assert source.n == 30 and source.leading == leading
    flat = STATES.reshape(30, -1)
    for start in range(0, 30, 4):
        for stop in range(start + 1, 31, 3):
            np.testing.assert_array_equal(source.read(start, stop), flat[start:stop])


@pytest.mark.parametrize("kind", ["npy", "npz", "h5", "txt"])
def test_one_configuration(tmp_path, kind):
    """An array of the lattice's shape is one configuration, and so is one line of text."""
    values = STATES[:1] if kind == "txt" else STATES[0]
    source = ForeignConfigurations(save(tmp_path, values, kind), Lattice(SHAPE), 2)
    assert source.n == 1
    np.testing.assert_array_equal(source.read(0, 1), STATES[0].reshape(1, -1))


def test_square_array_on_a_chain(tmp_path):
    """On a one-dimensional lattice of 6 sites a 6 x 6 array is 6 configurations."""
    values = STATES[:2].reshape(8, 6)[:6]
    np.testing.assert_array_equal(everything(save(tmp_path, values, "npy"), (6,)), values)


def test_fortran_order(tmp_path):
    """An array that was stored with its first axis fastest has the same configurations."""
    np.save(tmp_path / "f.npy", np.asfortranarray(STATES))
    np.testing.assert_array_equal(everything(str(tmp_path / "f.npy")), STATES.reshape(30, -1))


def test_only_what_is_asked_is_read(tmp_path, monkeypatch):
    """Blocks of HDF5 and .npy files are read from the file one by one."""
    monkeypatch.setattr(configurations, "BLOCK", 5 * 24)
    for kind, parts in (("h5", apart.DataSet), ("npy", arrays.Array), ("npz", arrays.Array)):
        read, get = [], parts.__getitem__
        monkeypatch.setattr(parts, "__getitem__", lambda *given: read.append(get(*given)) or read[-1])  # noqa: B023
        steps = []
        address = save(tmp_path, STATES.reshape(3, 10, *SHAPE), kind)
        ForeignConfigurations(address, Lattice(SHAPE), 2).check(steps.append)
        assert steps == [5] * 6 and [part.size for part in read] == [5 * 24] * 6
        monkeypatch.undo()
        monkeypatch.setattr(configurations, "BLOCK", 5 * 24)


def test_text_as_people_write_it(tmp_path):
    """Comments, empty lines, blanks, tabs, commas, floats, a byte order mark and CRLF are understood."""
    path = tmp_path / "x.txt"
    path.write_bytes(
        b"\xef\xbb\xbf# spins\r\n1 -1  1\t1 # first\r\n\r\n-1, 1,1 ,-1,\r\n   # 5 5\r\n"
        b"+1.0 1e0 -1.000 1\r\n-1 -1 -1 1"
    )
    expected = [[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1], [0, 0, 0, 1]]
    np.testing.assert_array_equal(everything(str(path), (2, 2)), expected)


def test_named_arrays(tmp_path):
    """FILE:NAME takes one of several arrays of an .npz or HDF5 file."""
    np.savez(tmp_path / "x.npz", a=STATES, b=1 - STATES)
    np.testing.assert_array_equal(everything(f"{tmp_path}/x.npz:b"), 1 - STATES.reshape(30, -1))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["one/states.npy"], file["two"] = STATES, 1 - STATES
    for name in ("/one/states.npy", "one/states.npy"):
        np.testing.assert_array_equal(everything(f"{tmp_path}/x.h5:{name}"), STATES.reshape(30, -1))


def test_the_only_fitting_data_set(tmp_path):
    """The name may be left out if one data set alone has the shape of configurations."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["group/states"], file["energy"], file["beta"] = STATES, np.zeros(30), 0.4
        file["nothing"] = h5py.Empty("f8")
    np.testing.assert_array_equal(everything(f"{tmp_path}/x.h5"), STATES.reshape(30, -1))


def test_paths_with_colons_and_dots(tmp_path):
    """Neither a colon before the extension nor a folder named like a file matters."""
    folder = tmp_path / "a.txt"
    folder.mkdir()
    np.save(folder / "T:4.0.NPY.npy", STATES)
    assert ForeignConfigurations(f"{folder}/T:4.0.NPY.npy", Lattice(SHAPE), 2).n == 30


def test_identity_tells_sources_apart(tmp_path, monkeypatch):
    """The identity does not depend on how an address is written; the digest with the content."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"], file["b"] = STATES, STATES[:5]
    monkeypatch.chdir(tmp_path)
    one, two, other = (
        ForeignConfigurations(address, Lattice(SHAPE), 2)
        for address in ("x.h5:a", f"{tmp_path}/./x.h5:/a", "x.h5:b")
    )
    assert one.identity == two.identity == f"{tmp_path}/x.h5:/a" != other.identity
    assert one.digest == two.digest != other.digest
    one.require_unchanged()
    os.utime("x.h5", ns=(1, 1))
    assert ForeignConfigurations("x.h5:a", Lattice(SHAPE), 2).digest == one.digest
    with pytest.raises(UserError, match=r"x\.h5:/a changed while it was read; import it when"):
        one.require_unchanged()
    os.remove("x.h5")
    with pytest.raises(UserError, match="changed while it was read"):
        one.require_unchanged()
