"""Files of other programs that do not fit or are damaged are refused, with a way out."""

import os
import pickle
import re

import h5py
import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.physics import configurations
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.storage import foreign
from dcl_hpc.storage.foreign import ForeignConfigurations

from .foreign_files import RANDOM, SHAPE, STATES, refusal, save


def test_missing_file(tmp_path):
    """A file that is not there, or is a folder, is named."""
    assert re.search(r"no\.npy does not exist .* give the path", refusal(f"{tmp_path}/no.npy"))
    (tmp_path / "folder.h5").mkdir()
    assert re.search(r"folder\.h5 does not exist or is not a file", refusal(f"{tmp_path}/folder.h5"))


@pytest.mark.parametrize("name", ["states.mat", "states", "states.npy.gz", "states.h5x:a"])
def test_unknown_extension(tmp_path, name):
    """An unknown extension is refused with those that are known."""
    (tmp_path / name).write_text("1 0")
    assert re.search(r"extension, \.npy, \.npz, \.h5.* convert the file", refusal(f"{tmp_path}/{name}"))


def test_name_where_there_is_none(tmp_path):
    """A name after a file of one array is refused."""
    address = save(tmp_path, STATES, "npy")
    assert re.search(r"states\.npy holds one array without a name; leave out ':x'", refusal(f"{address}:x"))


@pytest.mark.parametrize("kind", ["npy", "npz", "h5"])
@pytest.mark.parametrize("damage", ["truncated", "header", "garbage", "empty", "text"])
def test_damaged_file(tmp_path, kind, damage):
    """A damaged file is refused as such, not as pickled."""
    address = save(tmp_path, STATES, kind)
    with open(address, "rb") as file:
        whole = file.read()
    broken = {
        "truncated": whole[: len(whole) * 2 // 3],
        "header": whole[:20],
        "garbage": b"\x00\xff" * 500,
        "empty": b"",
        "text": b"1 0 1 0\n" * 100,
    }
    with open(address, "wb") as file:
        file.write(broken[damage])
    message = refusal(address)
    assert re.search(rf"states\.{kind} is damaged, unreadable .* write it again", message)
    assert "pickle" not in message


def test_damage_that_shows_when_read(tmp_path):
    """Compressed data that cannot be expanded is refused when it is read."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("a", data=STATES, compression="gzip", chunks=(10, *SHAPE))
        chunk = data.id.get_chunk_info(2)
    with open(path, "r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * chunk.size)
    source = ForeignConfigurations(str(path), Lattice(SHAPE), 2)
    np.testing.assert_array_equal(source.read(0, 20), STATES.reshape(30, -1)[:20])
    with pytest.raises(UserError, match=r"x\.h5:/a is damaged"):
        source.check()


def test_damage_within_an_archive(tmp_path):
    """An .npz file whose compressed bytes were overwritten is refused."""
    address = save(tmp_path, RANDOM.integers(0, 2, (3000, *SHAPE)), "npz")
    for place in (200, 2000):
        with open(address, "r+b") as file:
            file.seek(place)
            file.write(b"\xff" * 100)
        assert re.search(r"states\.npz is damaged", refusal(address))


@pytest.mark.parametrize("kind", ["npy", "npz", "txt", "h5"])
def test_binary_file_is_no_text_and_the_reverse(tmp_path, kind):
    """A file with the extension of another format is refused."""
    address = save(tmp_path, STATES, kind)
    other = {"npy": "npz", "npz": "npy", "txt": "npy", "h5": "csv"}[kind]
    os.rename(address, f"{tmp_path}/x.{other}")
    assert re.search("is damaged, unreadable or not what its name says", refusal(f"{tmp_path}/x.{other}"))


def test_forbidden_file(tmp_path, monkeypatch):
    """A file that may not be read says so; root, who may run this, can read everything."""
    address = save(tmp_path, STATES, "npy")

    def forbidden(*arguments, **named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(foreign, "open_regular", forbidden)
    assert re.search(r"Permission denied\); check its permissions", refusal(address))


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("how", ["npy", "npz", "pickle", "pickle in npz"])
def test_pickles_are_never_read(tmp_path, how):
    """Pickled objects are refused without being unpickled."""
    objects = np.array([Trap(tmp_path / "trapped")], object)
    path = tmp_path / ("x.npz" if "npz" in how else "x.npy")
    if how == "npy":
        np.save(path, objects, allow_pickle=True)
    elif how == "npz":
        np.savez(path, objects)
    else:
        path.write_bytes(pickle.dumps(objects))
    assert re.search(r"x\.np. holds pickled Python objects, which are never read; save", refusal(str(path)))
    assert not (tmp_path / "trapped").exists()


def test_ambiguous_npz(tmp_path):
    """Several arrays without a name are listed, and so is a name that is not there."""
    np.savez(tmp_path / "x.npz", up=STATES, down=STATES)
    assert re.search(
        r"x\.npz does not say which array is meant; name one as FILE:NAME, there are: up, down",
        refusal(f"{tmp_path}/x.npz"),
    )
    assert re.search(r"x\.npz has no array left; .* there are: up, down", refusal(f"{tmp_path}/x.npz:left"))
    np.savez(tmp_path / "y.npz")
    assert re.search("there are: none", refusal(f"{tmp_path}/y.npz"))


def test_ambiguous_hdf5(tmp_path):
    """Several fitting data sets are listed, several that do not fit as well, and a wrong name."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["g/up"], file["down"], file["energy"] = STATES, STATES, np.zeros(30)
    message = refusal(f"{tmp_path}/x.h5")
    assert re.search(r"FILE:NAME, there are: /down \(30, 4, 6\), /g/up \(30, 4, 6\)$", message)
    for name in ("left", "g", "/g/up/x", "/"):
        assert re.search(f"x.h5 has no array {name}; name one", refusal(f"{tmp_path}/x.h5:{name}"))
    with h5py.File(tmp_path / "y.h5", "w") as file:
        for k in range(10):
            file[f"x{k}"] = np.zeros(k)
        file["link"] = h5py.SoftLink("/nowhere")
    assert re.search(r"there are: /x0 \(0,\), .* and 2 more$", refusal(f"{tmp_path}/y.h5"))
    assert re.search(r"has no array link", refusal(f"{tmp_path}/y.h5:link"))
    with h5py.File(tmp_path / "z.h5", "w"):
        pass
    assert re.search("there are: none", refusal(f"{tmp_path}/z.h5"))


@pytest.mark.parametrize(
    ("found", "hint"),
    [
        ((30, 6, 4), r"axes are swapped: transpose it, or .* lattice\.shape = \[6, 4\]"),
        ((4, 6, 30), r"counted by the last axis: take numpy\.moveaxis"),
        ((24, 30), r"counted by the last axis"),
        ((30, 8, 8), r"for a lattice of 8x8 set lattice\.shape = \[8, 8\]"),
        ((30, 64), r"for a lattice of 8x8 set lattice\.shape = \[8, 8\]"),
        ((30, 23), r"reshape it"),
        ((30, 1), r"put blanks or commas between the states"),
        ((24,), r"reshape it"),
        ((30,), r"reshape it"),
        ((), r"reshape it"),
        ((5, 6, 3, 3), r"reshape it"),
    ],
)
@pytest.mark.parametrize("kind", ["npy", "h5"])
def test_wrong_shape(tmp_path, kind, found, hint):
    """A shape that does not fit is named with the expected ones and a way out."""
    message = refusal(save(tmp_path, np.zeros(found), kind))
    assert f"has the shape {found}, expected (n, 4, 6) or (n, 24); " in message
    assert re.search(hint, message)


def test_text_of_another_lattice(tmp_path):
    """Lines that all have another number of values tell the shape."""
    message = refusal(save(tmp_path, np.ones((3, 36), int), "txt"))
    assert re.search(r"shape \(3, 36\), expected .*for a lattice of 6x6 set", message)
    assert re.search("one configuration a line", refusal(save(tmp_path, np.ones((3, 6), int), "txt")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "# a\n1 0 1 0\n\n1 0 1\n",
            r"x\.txt, line 4: 3 values, other lines have 4; write one configuration of 4",
        ),
        ("1 0 1\n1 0 1 0\n1 0 1 0\n", r"line 1: 3 values, other lines have 4;"),
        ("1 0 1\n1 0 1 0 0\n", r"line 2: 5 values, other lines have 3;"),
        ("a,b,c,d\n1,0,1,0\n", r"x\.txt, line 1: .*'a'; write numbers .* with #"),
        ("1 0 1 0\n1 0 up 0\n", r"line 2: .*'up'; write"),
        ("1;0;1;0\n", r"line 1: .*'1;0;1;0'; write"),
        ("1 0 1 inf\n", r"configuration 0 .* has the value inf at site \[1, 1\]"),
        ("", r"x\.txt is empty"),
        ("# nothing\n\n", r"x\.txt is empty"),
    ],
)
def test_wrong_text(tmp_path, text, message):
    """Mistakes in text are told with the number of their line."""
    (tmp_path / "x.txt").write_text(text)
    assert re.search(message, refusal(f"{tmp_path}/x.txt", (2, 2)))


@pytest.mark.parametrize(
    ("value", "n_states"),
    [(2, 2), (-2, 2), (3, 3), (-1, 3), (0.5, 2), (np.inf, 2), (-np.inf, 3)],
)
def test_wrong_value(tmp_path, monkeypatch, value, n_states):
    """A value that is no state is named with its place, in whatever block, and with what is allowed."""
    monkeypatch.setattr(configurations, "BLOCK", 5 * 24)
    values = STATES.astype(float)
    values[17, 2, 3] = values[25, 0, 0] = value
    message = refusal(save(tmp_path, values, "npy"), n_states=n_states)
    assert f"configuration 17 (counted from 0) has the value {float(value)} at site [2, 3]; " in message
    allowed = "-1 and 1, or 0 and 1" if n_states == 2 else "0 ... 2"
    assert f"allowed are {allowed} for Q = {n_states} states, see hamiltonian.states" in message
    assert ("add 1 to states that begin at -1" in message) == (value == -1)


@pytest.mark.parametrize("kind", ["npy", "txt"])
def test_mixed_conventions(tmp_path, monkeypatch, kind):
    """A file with both -1 and 0 is refused, though each block by itself would be accepted."""
    monkeypatch.setattr(configurations, "BLOCK", 5 * 24)
    values = np.ones((30, *SHAPE), int)
    values[3, 1, 1], values[28, 2, 2] = -1, 0
    address = save(tmp_path, values, kind)
    source = ForeignConfigurations(address, Lattice(SHAPE), 2)
    assert source.read(0, 10).sum() == 239 and source.n == 30
    message = refusal(address)
    assert re.search(
        "mixes conventions: configuration 3 has the value -1, configuration 28 the value 0", message
    )
    assert re.search("write all states as -1 and 1, or all as 0 and 1", message)


@pytest.mark.parametrize(
    "values",
    [
        STATES.astype(complex),
        STATES.astype("U1"),
        STATES.astype("S1"),
        STATES.astype("timedelta64[s]"),
        np.zeros((3, *SHAPE), [("spin", int)]),
    ],
    ids=["complex", "str", "bytes", "time", "structured"],
)
def test_wrong_type(tmp_path, values):
    """Values that are no numbers, or not real ones, are refused with their type."""
    message = refusal(save(tmp_path, values, "npy"))
    assert f"states.npy has values of type {values.dtype}; save integers" in message


@pytest.mark.parametrize("dtype", ["complex", "S1", [("spin", int)], h5py.string_dtype()])
def test_wrong_type_in_hdf5(tmp_path, dtype):
    """Complex numbers, strings and compounds of HDF5 are refused alike."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("a", (3, *SHAPE), dtype)
    assert re.search(r"x\.h5:/a has values of type .*; save integers", refusal(f"{tmp_path}/x.h5"))


@pytest.mark.parametrize("kind", ["npy", "npz", "h5"])
def test_empty_array(tmp_path, kind):
    """An array without configurations is refused."""
    message = refusal(save(tmp_path, np.zeros((0, *SHAPE)), kind))
    assert re.search(r"is empty, its shape is \(0, 4, 6\); write at least one", message)


def test_empty_data_set(tmp_path):
    """A data set without a shape is refused."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"] = h5py.Empty("f8")
    assert re.search("x.h5:/a is empty", refusal(f"{tmp_path}/x.h5"))
