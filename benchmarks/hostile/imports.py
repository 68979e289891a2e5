"""Files of other programs, right ones and hostile ones: what is imported is what a simple reader finds."""

import io
import random
import shutil
from pathlib import Path

import h5py
import numpy as np

import dcl_hpc.stages.snapshots  # noqa: F401  loaded once, and not by every command

from .lies import LOST, SITES, Lies
from .trial import Tally, command, forked, save

JOB = """\
name = "x"
lattice.shape = [6, 6]
hamiltonian.kind = "potts"
hamiltonian.states = {}
observe.temperature = 3.0
sweep.temperatures = [3.0, 4.0]
"""


def run(chance: random.Random, n: int, folder: Path, tally: Tally) -> None:
    """Import n files, each in a folder of its own."""
    for q in (2, 3):
        (folder / f"{q}.toml").write_text(JOB.format(q))
    for number in range(n):
        place = folder / str(number)
        place.mkdir()
        case = Case(chance, place)
        answer = command(
            "observe", folder / f"{case.q}.toml", "--runs", place / "runs", "--from", case.address
        )
        tally.add(f"{number} {case.about}", answer, case.verdict(answer))
        shutil.rmtree(place)


class Case(Lies):
    """A file; `must` says whether it has to be taken, has to be refused, or may be either (None)."""

    def __init__(self, chance: random.Random, folder: Path):
        self.chance, self.folder, self.q = chance, folder, chance.choice((2, 3))
        self.random = np.random.default_rng(chance.randrange(2**32))
        self.kind = chance.choice(("npy", "npz", "h5", "txt"))
        self.path = folder / f"x.{self.kind}"
        self.address, self.must = str(self.path), True
        states = self.random.integers(0, self.q, (chance.randint(2, 300), 6, 6))
        if chance.random() < 0.2:
            states[self.random.random(states.shape) < 0.01] = LOST
        self.states = states
        how = chance.choice((self.right, self.damaged, self.damaged, self.crafted, self.crafted))
        how()
        self.about = f"{self.kind} {how.__name__} {self.about}"

    def right(self) -> None:
        """Write a file as people do."""
        chance, values, masks = self.chance, self.states.copy(), {}
        kinds = ["i1", "u1", "i2", ">i4", "i8", "u8", "f2", ">f4", "f8", "g"]
        lost = values == LOST
        if self.q == 2 and chance.random() < 0.4:
            values, kinds = np.where(lost, values, 2 * values - 1), [k for k in kinds if "u" not in k]
        if lost.any():
            kinds.remove("i1")
            if self.kind in ("npz", "h5") and chance.random() < 0.5:
                values[lost] = 1
                masks = chance.choice(({"lost": lost}, {"present": (~lost).astype("u1")}))
        elif values.min() >= 0 and self.q == 2:
            kinds.append("?")
        kind = chance.choice(kinds)
        values = values.astype(kind)
        if "f" in kind and chance.random() < 0.5:
            values[values == LOST] = np.nan
        form = chance.choice(((-1, 6, 6), (-1, SITES), (1, -1, 6, 6), (-1, 1, SITES)))
        values, masks = values.reshape(form), {name: mask.reshape(form) for name, mask in masks.items()}
        if chance.random() < 0.2:
            values = np.asfortranarray(values)
        self.about = f"{kind} {form} {'lost' if lost.any() else ''} {list(masks)}"
        getattr(self, f"_{self.kind}")(values, masks)

    def _npy(self, values, masks) -> None:
        np.save(self.path, values)

    def _npz(self, values, masks) -> None:
        self.chance.choice((np.savez, np.savez_compressed))(self.path, states=values, **masks)

    def _h5(self, values, masks) -> None:
        with h5py.File(self.path, "w", libver=self.chance.choice(("earliest", "latest"))) as file:
            group = self.chance.choice(("", "a/b/"))
            options = self.chance.choice(({}, {"compression": "gzip"}, {"chunks": True, "fletcher32": True}))
            for name, array in {"states": values, **masks}.items():
                file.create_dataset(group + name, data=array, **options)

    def _txt(self, values, masks) -> None:
        values = np.asarray(values, float).reshape(-1, SITES)
        text = io.StringIO()
        np.savetxt(text, values, "%g", delimiter=self.chance.choice((" ", ",", "\t", " , ")))
        text = text.getvalue().replace("\n", self.chance.choice(("\n", "\r\n", " # x\n", "\n\n")))
        save(self.path, text[: -1 if self.chance.random() < 0.2 else None].encode())

    def damaged(self) -> None:
        """Change bytes of a right file."""
        self.right()
        chance, data = self.chance, bytearray(self.path.read_bytes())
        size, end = len(data), chance.choice((len(data), min(len(data), 300)))
        how = chance.choice(("flip", "cut", "extend", "zero", "noise", "repeat"))
        first, length = chance.randrange(end), chance.randint(1, 200)
        if how == "flip":
            for _ in range(chance.choice((1, 1, 3, 30))):
                data[chance.randrange(end)] ^= 1 << chance.randrange(8)
        elif how == "cut":
            del data[first:]
        elif how == "extend":
            data += chance.randbytes(length)
        elif how == "zero":
            data[first : first + length] = bytes(min(length, size - first))
        elif how == "noise":
            data[first : first + length] = chance.randbytes(min(length, size - first))
        else:
            data[first:first] = data[first : first + length]
        save(self.path, bytes(data))
        self.about, self.must = f"{self.about} {how} {first} {length}", None

    def verdict(self, answer) -> str | None:
        """The fault of an answer, None if there is none or it is one whatever the case."""
        if answer.fault:
            return None
        if answer.code == 2:
            named = self.path.name in answer.out
            return "lost" if self.must else None if named else "untidy"
        if self.must is False:
            return "accepted"
        with h5py.File(self.folder / "runs" / "x" / "observations.h5") as file:
            imported = file["observations/states/value"][()].reshape(-1, SITES)
        if self.must:
            return None if np.array_equal(imported, self.states.reshape(-1, SITES)) else "accepted"
        found = self.folder / "found.npy"
        read = forked(lambda: np.save(found, simple(self.address, self.q)))
        return None if read.code == 0 and np.array_equal(imported, np.load(found)) else "accepted"


def simple(address: str, q: int) -> np.ndarray:
    """States of a file, read by its library without any check, uint8 (n, SITES)."""
    path, _, name = address.partition(":")
    masks = {}
    if path.endswith("npy"):
        values = np.load(path)
    elif path.endswith("npz"):
        with np.load(path) as file:
            arrays = {one: file[one] for one in file.files}
        masks = {one: arrays.pop(one) for one in ("lost", "present") if one in arrays}
        (values,) = arrays.values()
    elif path.endswith("h5"):
        found = []
        with h5py.File(path) as file:
            file.visititems(lambda one, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
            data = (
                file[name]
                if name
                else next(x for x in found if x.name.split("/")[-1] not in ("lost", "present"))
            )
            values = data[()]
            masks = {one: data.parent[one][()] for one in ("lost", "present") if one in data.parent}
    else:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            text = file.read().replace(",", " ")
        values = np.loadtxt(io.StringIO(text), ndmin=2)
    values = np.asarray(values, float).reshape(-1, SITES)
    lost = np.isnan(values) | (values == LOST)
    for one, mask in masks.items():
        lost |= np.asarray(mask, bool).reshape(lost.shape) == (one == "lost")
    states = np.where(lost, 0, (values > 0) if q == 2 else values).astype(np.uint8)
    return np.where(lost, LOST, states).astype(np.uint8)
