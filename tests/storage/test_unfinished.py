"""Unfinished files: damage is told before anything is used, a kill at any moment is none."""

import zlib

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcl_hpc.cluster import mpi
from dcl_hpc.storage import identity, sums
from dcl_hpc.storage.disk import Disk
from dcl_hpc.storage.identity import Damaged
from dcl_hpc.storage.layout import Field, array_field, write_file
from dcl_hpc.storage.progress import progress
from dcl_hpc.storage.store import Store

ROWS, KEPT, HALVES = "series/energy/value", "kept/weights", "checkpoint/states"
TOTAL = 6


def make(path) -> None:
    """A file that is filled by rows, by columns and by halves, with nothing in it."""
    layout = {
        ROWS: Field((TOTAL, 3), np.float64, ("measurement", "replica"), "energy"),
        KEPT: Field((2, TOTAL, 3), np.float32, ("sample", "time", "weight"), "weights", grows=1),
        HALVES: Field((2, 4), np.uint8, ("slot", "site"), "states"),
        "known": array_field(np.arange(5.0), ("n",), "numbers"),
        "empty": Field((TOTAL, 0), np.float32, ("measurement", "pair"), "nothing"),
    }
    write_file(path, layout, {}, total=TOTAL)


def write(store: Store, done: int, slot: int) -> None:
    """One unit of work."""
    store.write(ROWS, np.s_[done : done + 1], np.full((1, 3), done + 0.5))
    store.write(KEPT, np.s_[:, done], np.full((2, 3), done + 0.25))
    store.write(HALVES, np.s_[slot], np.full(4, done + 1))
    store.commit(done + 1, slot, 1.0 + done)


def committed(path) -> tuple:
    """All that counts in a file; raises if it is damaged."""
    sums.verify(path)
    found = progress(path)
    with Store(path, mpi.alone()) as store:
        done = store.committed
        rows, kept = store.read(ROWS, np.s_[:done]), store.read(KEPT, np.s_[:, :done])
        half = store.read(HALVES, store.slot) if done else np.zeros(0)
    assert found.done == done
    return done, rows.tobytes(), kept.tobytes(), half.tobytes()


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A file in which three units of six are committed, and a fourth one is written."""
    path = tmp_path_factory.mktemp("begun") / "file.h5"
    make(path)
    with Store(path, mpi.alone(), write=True) as store:
        for done in range(3):
            write(store, done, (done + 1) % 2)
        store.write(ROWS, np.s_[3:4], np.full((1, 3), 99.0))
    return path


@settings(max_examples=150)
@given(st.data())
def test_every_damage_is_told_or_harmless(begun, tmp_path_factory, data):
    """Changed, cut off or added bytes: one line tells, or all that is committed is as it was."""
    whole, path = begun.read_bytes(), tmp_path_factory.getbasetemp() / "damaged.h5"
    size = len(whole)
    start = data.draw(st.integers(0, 3000) | st.integers(identity.BLOCK, size - 1))
    cut = data.draw(st.sampled_from(["changed", "changed", "changed", "cut", "added"]))
    if cut == "changed":
        new = data.draw(st.binary(min_size=1, max_size=min(40, size - start)))
        path.write_bytes(whole[:start] + new + whole[start + len(new) :])
    else:
        path.write_bytes(whole[:start] if cut == "cut" else whole + bytes(start + 1))
    try:
        found = committed(path)
    except Damaged as error:
        assert "\n" not in str(error) and len(str(error)) < 500
    else:
        assert found == committed(begun) and found[0] == 3
        assert cut == "changed"


@pytest.mark.parametrize("name", [ROWS, KEPT, HALVES])
def test_changed_values_are_told(begun, tmp_path, name):
    """Each committed value that another program changes is told, and what is not committed is not."""
    path = tmp_path / "file.h5"
    for committed_part in (True, False):
        path.write_bytes(begun.read_bytes())
        place = {ROWS: (2, 1), KEPT: (1, 2, 0), HALVES: (1, 3)}[name]
        if not committed_part:
            place = {ROWS: (3, 1), KEPT: (1, 5, 0), HALVES: (0, 3)}[name]
        with h5py.File(path, "r+") as file:
            file[name][place] = 200
        if committed_part:
            with pytest.raises(Damaged, match=f"what was saved in {name} has changed"):
                committed(path)
        else:
            assert committed(path) == committed(begun)


def test_kill_at_any_moment_is_no_damage(tmp_path, monkeypatch):
    """After every single write to the disk the file is that of a commit, and each goes on from there."""
    path, copy, seen = tmp_path / "file.h5", tmp_path / "copy.h5", []
    make(path)
    plain = Disk.write

    def watched(disk, data):
        size = plain(disk, data)
        copy.write_bytes(path.read_bytes())
        seen.append(committed(copy)[0])
        return size

    monkeypatch.setattr(Disk, "write", watched)
    with Store(path, mpi.alone(), write=True) as store:
        for done in range(4):
            write(store, done, (done + 1) % 2)
    assert committed(path)[0] == 4
    assert sorted(seen) == seen and set(seen) == {0, 1, 2, 3, 4} and len(seen) > 15


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_joined_checksums(first, second):
    """The checksum of two texts in a row is known from those of each."""
    joined = sums.joined(zlib.crc32(first), zlib.crc32(second), len(second))
    assert joined == zlib.crc32(first + second)


@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
def test_ranks_share_the_reading(tmp_path, ranks):
    """Each byte is read by one rank, and the checksums are those of one that reads all."""
    path = tmp_path / "file.h5"
    make(path)
    with h5py.File(path, "r+") as file:
        file[ROWS][...], file[KEPT][...] = np.random.default_rng(1).random((2, 1, TOTAL, 3))
        file[HALVES][...] = np.arange(8).reshape(2, 4)
        counted, reached = sums.of(path, file), [{ROWS: 4, KEPT: 2}, *(ranks - 1) * [{ROWS: 3, KEPT: 5}]]
        shares = [counted.share(reached, 1, rank) for rank in range(ranks)]
        size = sum(share[sorted((ROWS, KEPT, HALVES)).index(ROWS)][1] for share in shares)
        counted.add(shares, 4, 1, write=True)
        file["progress/committed"][...] = 4, 1
    assert size == 4 * 3 * 8
    sums.verify(path)


def test_going_on_after_a_restart(tmp_path):
    """Checksums go on where a process before has left them, whatever it had written beyond."""
    path = tmp_path / "file.h5"
    make(path)
    for done in range(TOTAL):
        with Store(path, mpi.alone(), write=True) as store:
            write(store, done, done % 2)
            if done < TOTAL - 1:
                store.write(ROWS, np.s_[done + 1 : TOTAL], np.full((TOTAL - done - 1, 3), 7.0))
                store.write(HALVES, 1 - done % 2, np.zeros(4))
        if done < TOTAL - 1:
            assert committed(path)[0] == done + 1
    identity.verify(path)


def test_progress_is_read_without_hdf5(begun, monkeypatch):
    """HDF5, which damage may crash, is not asked how far a file is."""
    monkeypatch.setattr(h5py, "File", None)
    assert (progress(begun).done, progress(begun).total, progress(begun).seconds) == (3, TOTAL, 3.0)


@pytest.mark.parametrize(("done", "slot"), [(-5, 0), (TOTAL + 1, 0), (3, 2), (3, -1), (2**40, 1)])
def test_ranges_of_files_without_checksums(begun, tmp_path, done, slot):
    """Unfinished files of versions before checksums go on; how far they are is looked at."""
    path = tmp_path / "file.h5"
    path.write_bytes(begun.read_bytes())
    with h5py.File(path, "r+") as file:
        del file["progress/sums"]
    identity.stamp(path, identity.Identity(about={"total": TOTAL}))
    assert committed(path) == committed(begun)
    with Store(path, mpi.alone(), write=True) as store:
        write(store, 3, 0)
    with h5py.File(path, "r+") as file:
        file["progress/committed"][...] = done, slot
    for read in (progress, lambda path: Store(path, mpi.alone(), write=True)):
        with pytest.raises(Damaged, match=r"file\.h5 is damaged.* units committed, slot"):
            read(path)
