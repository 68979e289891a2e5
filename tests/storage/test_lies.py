"""Files that tell of more than they hold, or of something else: one line, and nothing is made up."""

import gzip
import io
import os
import re
import signal
import time
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcl_hpc.errors import UserError
from dcl_hpc.physics.lattice import Lattice
from dcl_hpc.storage import apart, identity
from dcl_hpc.storage.foreign import ForeignConfigurations
from dcl_hpc.storage.layout import write_file
from dcl_hpc.storage.observations import observation_fields
from dcl_hpc.storage.stated import stated_temperature

LATTICE, SHAPE = Lattice((4, 6)), (30, 4, 6)
STATES = np.random.default_rng(1).integers(0, 2, SHAPE, np.uint8)


def taken(address) -> np.ndarray:
    """All states of a file."""
    with ForeignConfigurations(str(address), LATTICE, 2) as source:
        source.check()
        return source.read(0, source.n).reshape(-1, 4, 6)


def refusal(address) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(UserError) as caught:
        taken(address)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    return str(caught.value)


def npy(shape=str(SHAPE), descr="'|u1'", data=None, length=None, order=False) -> bytes:
    """Bytes of an .npy file with any header."""
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}".encode()
    data = STATES.tobytes() if data is None else data
    return b"\x93NUMPY\x01\0" + (length or len(header)).to_bytes(2, "little") + header + data


@pytest.mark.parametrize("where", ["a", ""])
@pytest.mark.parametrize(
    ("make", "told"),
    [
        ("virtual", "is virtual, its values are elsewhere"),
        ("external", "has its values in other files"),
        ("never", "was never written"),
        ("chunks", "was not written whole, 14 of 15 chunks are not there"),
    ],
)
def test_values_that_are_not_there(tmp_path, make, told, where):
    """HDF5 gives fill values, or those of other files, for what is not in a data set."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        if make == "virtual":
            layout = h5py.VirtualLayout(SHAPE, "u1")
            layout[:] = h5py.VirtualSource("missing.h5", "a", SHAPE)
            file.create_virtual_dataset("a", layout)
        else:
            external = [(str(tmp_path / "raw"), 0, 720)] if make == "external" else None
            chunks = (2, 4, 6) if make == "chunks" else None
            data = file.create_dataset("a", SHAPE, "u1", external=external, chunks=chunks)
            if make == "chunks":
                data[:1] = 1
    assert re.search(rf"x\.h5\S* {told}.*; write", refusal(f"{path}:{where}" if where else path))


def test_masks_that_are_not_there(tmp_path):
    """A mask that was never written would tell that no atom is lost."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"] = STATES
        file.create_dataset("lost", SHAPE, "u1")
    assert "was never written" in refusal(tmp_path / "x.h5")


def test_links(tmp_path):
    """Soft links within the file are followed; those into other files, nowhere, or in a circle are not."""
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["a"] = STATES
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["one/states"] = STATES
        file["two/link"], file["two/again"] = h5py.SoftLink("/one/states"), h5py.SoftLink("link")
        file["loop"], file["one/back"] = h5py.SoftLink("/loop"), file["/"]
        file["far"], file["two/far"] = h5py.ExternalLink("other.h5", "a"), h5py.ExternalLink("no.h5", "/")
    for name in ("two/link", "two/again", "one/back/one/states", "/one/./states"):
        np.testing.assert_array_equal(taken(f"{tmp_path}/x.h5:{name}"), STATES)
    np.testing.assert_array_equal(taken(tmp_path / "x.h5"), STATES)
    for name in ("loop", "loop/a", "one/states/a"):
        assert f"has no array {name}; name one" in refusal(f"{tmp_path}/x.h5:{name}")
    for name in ("far", "two/far/a"):
        assert "is a link to another file; write its values into one" in refusal(f"{tmp_path}/x.h5:{name}")


def test_very_many_and_very_deep_groups(tmp_path):
    """Thousands of groups are looked through; of still more the name has to be given."""
    with h5py.File(tmp_path / "deep.h5", "w") as file:
        group = file
        for _ in range(500):
            group = group.create_group("g")
        group["a"] = STATES
    np.testing.assert_array_equal(taken(tmp_path / "deep.h5"), STATES)
    with h5py.File(tmp_path / "wide.h5", "w") as file:
        for k in range(10001):
            file.create_group(str(k))
        file["a"] = STATES
    assert "more than 10000 groups and data sets; name the array" in refusal(tmp_path / "wide.h5")
    np.testing.assert_array_equal(taken(f"{tmp_path}/wide.h5:a"), STATES)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("os.abort()", "HDF5 crashes on it"),
        ("exec('while True: pass')", "HDF5 does not come to an end"),
        ("bytearray(2**33)", "it takes too much memory"),
    ],
)
def test_hdf5_that_fails(tmp_path, monkeypatch, what, told):
    """A crash, a loop, or gigabytes are told in a line, and the next file is read."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"] = STATES
    program = (
        f"import os; from dcl_hpc.storage import apart, contents; contents.names = lambda file: {what}; "
    )
    with monkeypatch.context() as changed:
        changed.setattr(apart, "_servers", {})
        changed.setattr(apart, "PROGRAM", program + "apart.SECONDS = 1; apart.serve()")
        assert re.search(rf"x\.h5 is damaged, unreadable .*\({told}\)", refusal(tmp_path / "x.h5"))
    np.testing.assert_array_equal(taken(tmp_path / "x.h5"), STATES)


def test_stopping_does_not_stop_the_reader(tmp_path):
    """Signals that a terminal or Slurm sends to all processes leave HDF5's process to its work."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"] = STATES
    source = ForeignConfigurations(f"{tmp_path}/x.h5", LATTICE, 2)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        os.kill(apart._servers[os.getpid()].pid, number)
    time.sleep(0.1)
    np.testing.assert_array_equal(source.read(0, 30).reshape(SHAPE), STATES)


@pytest.mark.parametrize("done", [0, 7])
def test_own_files_that_are_not_complete(tmp_path, done):
    """This program's files have their full size from the beginning; a sealed one is taken."""
    attributes = {"n_states": 2, "temperature": 1.0, "thin": 1, "autocorrelation_time": 0.5}
    path = tmp_path / "observations.h5"
    fields = observation_fields(30, 1, LATTICE, range(30), "sweeps")
    write_file(path, fields, attributes, total=30, done=done)
    with h5py.File(path, "r+") as file:
        file["observations/states/value"][:, 0] = STATES
    address = f"{path}:observations/states/value"
    assert "observations.h5 is not complete; first run the command" in refusal(address)
    identity.seal(path, done=30, seconds=1.0)
    np.testing.assert_array_equal(taken(address), STATES)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (npy("(1000000000000000, 4, 6)"), r"header says \(1000000000000000, 4, 6\), 720 bytes are there"),
        (npy("(31, 4, 6)"), r"header says \(31, 4, 6\), 720 bytes"),
        (npy("(-1, 4, 6)"), "header says"),
        (npy("(True, 4, 6)", order=True), "header says"),
        (npy("(-5, -4, 6)"), "header says"),
        (npy(f"({2**64 + 30}, 4, 6)"), "header says"),
        (npy(f"({10**400}, 4, 6)"), r"header says \(1000\d* ... \d*, 4, 6\)"),
        (npy("(30, 4, 6)", "'<f8'", order=True), "header says"),
        (npy("(" * 3000), "damaged"),
        (npy("'x"), "damaged"),
        (npy("-" * 9000 + "1"), "damaged"),
        (npy(length=60000), "damaged"),
        (npy()[:9], "damaged"),
        (npy(descr="'|O'"), "pickled"),
        (npy(descr="'|V9999999999999'"), "damaged"),
        (npy(descr="[('a', '|u1')]"), r"values of type \[\('a', 'u1'\)\]"),
        (npy(descr="'|b1'", data=STATES.tobytes()[:-1] + b"\7"), "has the value 7 at site"),
        (b"\x93NUMPY\x03\0" + npy()[8:], "version 3.0"),
    ],
)  # fmt: skip
def test_headers(tmp_path, content, told):
    """What the header of an .npy file says is held against the file before anything is read."""
    (tmp_path / "x.npy").write_bytes(content)
    with warnings.catch_warnings(action="ignore"):  # of the parser
        assert re.search(told, refusal(tmp_path / "x.npy"))


@given(st.data())
@settings(max_examples=60)
def test_changed_bytes(tmp_path_factory, data):
    """An archive whose bytes change is refused or gives the same states, a plain array what NumPy reads."""
    path = tmp_path_factory.mktemp("x") / data.draw(st.sampled_from(["x.npz", "x.npy"]))
    (np.savez_compressed if path.suffix == ".npz" else np.save)(path, STATES)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with warnings.catch_warnings(action="ignore"):
        try:
            found = taken(path)
        except UserError:
            return
        expected = STATES if path.suffix == ".npz" else np.load(path).reshape(-1, 4, 6)
    np.testing.assert_array_equal(found, expected)


def archive(path: Path, *members: tuple[str, bytes]) -> None:
    """A zip file of members, whose names may be the same."""
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)


def test_archives(tmp_path):
    """Names that are there twice, locked members, claims of more than there is."""
    path = tmp_path / "x.npz"
    archive(path, ("a.npy", npy()), ("a.npy", npy(data=bytes(720))))
    assert "it has 'a' 2 times" in refusal(path)
    archive(path, ("a.npy", npy(f"({10**14}, 4, 6)")))
    assert "header says" in refusal(path)
    archive(path, ("a.npy", b"1 0"), ("about.txt", b"x"))
    assert "damaged" in refusal(path)
    archive(path, ("../a.npy", npy()), ("about.txt", b"x"))
    np.testing.assert_array_equal(taken(path), STATES)
    content = path.read_bytes()
    entry = content.index(b"PK\1\2")
    path.write_bytes(content[:6] + b"\1" + content[7 : entry + 8] + b"\1" + content[entry + 9 :])
    assert "encrypted" in refusal(path)


def test_size_of_a_member_that_lies(tmp_path):
    """A directory that promises more than is there, as its array does, is found out where the data end."""
    path = tmp_path / "x.npz"
    archive(path, ("a.npy", npy("(3000, 4, 6)")))
    content = path.read_bytes()
    entry = content.index(b"PK\1\2")
    path.write_bytes(content[: entry + 24] + (10**6).to_bytes(4, "little") + content[entry + 28 :])
    assert "ends 71280 bytes too early" in refusal(path)


@pytest.mark.parametrize("mask", [np.full(SHAPE, 2), np.full(SHAPE, 255, np.uint8), np.full(SHAPE, -1)])
def test_masks_of_other_values(tmp_path, mask):
    """A mask is 0 or 1."""
    np.savez(tmp_path / "x.npz", states=STATES, lost=mask)
    assert re.search(r"'lost' has the value \S+ in configuration 0", refusal(tmp_path / "x.npz"))


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_cut_while_it_is_read(tmp_path, kind):
    """A file that becomes shorter is told, and does not end the process as a memory map would."""
    path = tmp_path / f"x.{kind}"
    states = np.tile(STATES, (1000, 1, 1))
    (np.save if kind == "npy" else np.savez)(path, states)
    source = ForeignConfigurations(str(path), LATTICE, 2)
    np.testing.assert_array_equal(source.read(0, 30).reshape(SHAPE), STATES)
    os.truncate(path, 5000)
    with pytest.raises(UserError, match="damaged"):
        source.read(20000, 30000)


def test_parts_of_an_archive_in_any_order(tmp_path):
    """Parts that were read before are read again, in C and in Fortran order."""
    for order in "CF":
        np.savez_compressed(tmp_path / "x.npz", np.asarray(STATES, order=order))
        source = ForeignConfigurations(f"{tmp_path}/x.npz", LATTICE, 2)
        for start, stop in ((20, 30), (0, 5), (3, 30), (29, 30), (0, 30)):
            np.testing.assert_array_equal(source.read(start, stop).reshape(-1, 4, 6), STATES[start:stop])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("1 0 ٣ 1", r"line 2: could not convert string to float: '٣'; write"),
        ("1 0 0_1 1", r"line 2: .*'0_1'; write"),
        ("1 0 １ 1", r"line 2: .*'１'"),
        ("1 0 \0 1", r"line 2 is no text"),
        ("1 0 1e400 1", r"the value inf at site"),
        ("1 " * 600_000, r"line 2: more than 1048576 characters; write 4 values a line"),
        ("1 0 1 1".encode("utf-16-le"), r"line 2 is no text"),
        (gzip.compress(b"1 0 1 1", mtime=0), r"line 2 is no text"),
        (b"1 0 1 1 \xff", r"line 2 is no text"),
    ],
)
def test_text(tmp_path, content, told):
    """Numbers are written in ASCII, a line at a time."""
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "x.txt").write_bytes("1 0 0 1 # Température\n".encode() + content)
    with pytest.raises(UserError, match=told) as caught:
        ForeignConfigurations(f"{tmp_path}/x.txt", Lattice((2, 2)), 2).check()
    assert len(str(caught.value)) < 500


def test_special_files(tmp_path):
    """A pipe is no file, and a name can be too long."""
    os.mkfifo(tmp_path / "x.npy")
    assert "(it is a pipe, not a file); give the path" in refusal(tmp_path / "x.npy")
    assert "File name too long" in refusal("x" * 5000 + ".npy")


def test_temperatures_that_files_state(tmp_path):
    """Single numbers beside the states count, in whatever file, and nothing else."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["one/a"], file.attrs["beta"], file["one"].attrs["T"] = STATES, 0.5, "cold"
    assert stated_temperature(f"{tmp_path}/x.h5:one/a") == stated_temperature(f"{tmp_path}/x.h5") == 2
    np.savez(tmp_path / "x.npz", states=STATES, T=np.array([1.5]), beta=3.0)
    assert stated_temperature(f"{tmp_path}/x.npz") == 1.5
    (tmp_path / "y.npz").write_bytes(io.BytesIO(b"PK").getvalue())
    assert stated_temperature(f"{tmp_path}/y.npz") is stated_temperature(f"{tmp_path}/no.h5") is None
