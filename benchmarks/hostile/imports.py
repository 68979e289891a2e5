"""Files of other programs, right ones and hostile ones: what is imported is what a simple reader finds."""

import io
import random
import shutil
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np

import dcl_hpc.stages.snapshots  # noqa: F401  loaded once, and not by every command

from .trial import Tally, command, forked, save

JOB = """\
name = "x"
lattice.shape = [6, 6]
hamiltonian.kind = "potts"
hamiltonian.states = {}
observe.temperature = 3.0
sweep.temperatures = [3.0, 4.0]
"""
SITES, LOST = 36, 255
NPY, HDF5 = b"\x93NUMPY", b"\x89HDF\r\n\x1a\n"


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


class Case:
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

    def crafted(self) -> None:
        """Write a file that lies."""
        self.must = False
        makers = [getattr(self, name) for name in dir(self) if name.startswith(f"_{self.kind}_")]
        make = self.chance.choice(makers)
        self.about = f"{make.__name__} {make() or ''}"

    def _npy_header(self) -> str:
        rows = self.chance.choice((10**15, -1, 2**63, 2**64 + 1, 10**400, "1_0", "True", "٣", "2.0", "'a'"))
        kind = self.chance.choice(
            ("|u1", "<f8", "|O", "V99999999999", "(2,2)i4", "|S0", "[('a','i4')]", "M8")
        )
        form = f"({rows}, 6, 6)" if self.chance.random() < 0.8 else "(" * 3000
        text = f"{{'descr': {kind!r}, 'fortran_order': {self.chance.choice((True, False))}, 'shape': {form}}}"
        length = self.chance.choice((len(text.encode()), 2, 65535))
        save(self.path, NPY + b"\x01\x00" + length.to_bytes(2, "little") + text.encode() + bytes(10**4))
        return text[:100]

    def _npy_version(self) -> str:
        version = bytes([self.chance.randrange(6), self.chance.randrange(3)])
        save(self.path, NPY + version + self.chance.randbytes(4) + bytes(5000))
        return version.hex()

    def _npy_type(self) -> str:
        shape = (5, 6, 6)
        typed = [np.zeros(shape, kind) for kind in ("U3", "c16", [("a", "i4")], "m8[s]", "V0")]
        valued = [np.full(shape, value) for value in (None, 7, 0.5, np.inf, -1e300)]
        shaped = [np.zeros((0, 6, 6)), np.zeros(()), np.zeros((5, 6, 6, 0))]
        values = self.chance.choice((*typed, *valued, *shaped))
        np.save(self.path, values)
        return f"{values.dtype} {values.shape}"

    def _npz_members(self) -> str:
        """Lies of an archive."""
        content = io.BytesIO()
        np.save(content, self.states.astype(np.uint8))
        content, how = (
            content.getvalue(),
            self.chance.choice(("twice", "locked", "huge", "text", "path", "mask")),
        )
        with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(self.path, "w") as file:
            name = "../../states.npy" if how == "path" else "states.npy"
            file.writestr(name, b"1 0 1" if how == "text" else content)
            if how == "twice":
                file.writestr(name, content)
            if how == "mask":
                mask = self.chance.choice((np.ones((2, 3)), np.full(self.states.shape, 7), np.full(3, None)))
                with file.open("lost.npy", "w") as stream:
                    np.lib.format.write_array(stream, mask)
        data = self.path.read_bytes()
        entry = data.rindex(b"PK\x01\x02")
        if how == "locked":
            data = data[:6] + b"\x01" + data[7 : entry + 8] + b"\x01" + data[entry + 9 :]
        elif how == "huge":
            data = data[: entry + 24] + b"\xf0" * 4 + data[entry + 28 :]
        self.must = True if how == "path" else None if how == "huge" else False
        save(self.path, data)
        return how

    def _npz_bomb(self) -> str:
        """Claims of 100 TB that are nowhere, or a header of them in 100 MB of zeros."""
        zeros = self.chance.choice((0, 10**8))
        header = io.BytesIO()
        about = {"descr": "|u1", "fortran_order": self.chance.random() < 0.5, "shape": (10**14, 6, 6)}
        np.lib.format.write_array_header_1_0(header, about)
        with zipfile.ZipFile(self.path, "w", zipfile.ZIP_DEFLATED) as file, file.open("a.npy", "w") as stream:
            stream.write(header.getvalue() + bytes(zeros))
        return str(zeros)

    def _h5_elsewhere(self) -> str:
        """Values that are in other files."""
        how, shape = (
            self.chance.choice(("virtual", "missing", "external", "link", "loop", "nowhere")),
            (5, 6, 6),
        )
        other = self.folder / "other.h5"
        with h5py.File(other, "w") as file:
            file["a"] = np.ones(shape)
        with h5py.File(self.path, "w") as file:
            if how in ("virtual", "missing"):
                layout = h5py.VirtualLayout(shape, "f8")
                layout[:] = h5py.VirtualSource(other if how == "virtual" else "no.h5", "a", shape)
                file.create_virtual_dataset("a", layout)
            elif how == "external":
                raw = save(self.folder / "raw", bytes(5 * SITES))
                file.create_dataset("a", shape, "u1", external=[(str(raw), 0, h5py.h5f.UNLIMITED)])
            else:
                links = {"link": h5py.ExternalLink(other, "a"), "loop": h5py.SoftLink("/a")}
                file["a"] = links.get(how, h5py.SoftLink("/b/c"))
        if self.chance.random() < 0.5:
            self.address += ":a"
        return how

    def _h5_unwritten(self) -> str:
        how = self.chance.choice(({}, {"chunks": (2, 6, 6)}, {"chunks": True, "compression": "gzip"}))
        rows = self.chance.choice((5, 300, 10**9, 10**15))
        with h5py.File(self.path, "w") as file:
            data = file.create_dataset("a", (rows, 6, 6), "u1", **how)
            if how and self.chance.random() < 0.5:
                data[:1] = 1
                if data.chunks[0] >= rows:  # a chunk that is there in part looks like a whole one
                    self.must = None
        return f"{how} {rows}"

    def _h5_types(self) -> str:
        kinds = ("c8", "S1", "m8", h5py.string_dtype(), h5py.ref_dtype, h5py.vlen_dtype("i4"), [("a", "i4")])
        kind = self.chance.choice((*kinds, np.dtype(("i4", (2,))), h5py.Empty("f8"), "bits"))
        with h5py.File(self.path, "w") as file:
            if isinstance(kind, h5py.Empty):
                file["a"] = kind
            elif isinstance(kind, str) and kind == "bits":
                h5py.h5d.create(file.id, b"a", h5py.h5t.STD_B8LE, h5py.h5s.create_simple((5, 6, 6)))
            else:
                file.create_dataset("a", (5, 6, 6), "S1" if kind == "m8" else kind)
        return str(kind)

    def _h5_names(self) -> str:
        """Very many, very deep, or very long names around a right data set."""
        how = self.chance.choice(("deep", "wide", "long", "wrong", "cycle"))
        self.must = {"deep": True, "cycle": True, "wide": False}.get(how)
        with h5py.File(self.path, "w") as file:
            group = file
            for k in range({"deep": 3000, "wide": 12000}.get(how, 0)):
                found = group.create_group("g" if how == "deep" else f"g{k}")
                group = found if how == "deep" else group
            name = "n" * 60000 if how == "long" else "\n\x1b[31mü" if how == "wrong" else "a"
            group[name] = self.states.astype("u1")
            if how == "cycle":
                file["b/c"], file["b/c/d"] = file["/"], file["/"]
            if how in ("long", "wrong"):
                file["b"] = self.states[:2].astype("u1")
                self.address += self.chance.choice((":", f":{name[:2000]}"))
        return how

    def _h5_unfinished(self) -> None:
        """An import of this program that was stopped."""
        np.save(self.folder / "x.npy", self.states)
        job = self.folder.parent / f"{self.q}.toml"
        command("observe", job, "--runs", self.folder, "--from", self.folder / "x.npy")
        with h5py.File(self.folder / "x" / "observations.h5", "r+") as file:
            file["progress/committed"][0] = 1
        data = bytearray((self.folder / "x" / "observations.h5").read_bytes())
        if self.chance.random() < 0.5:
            data[65024:65536] = b"\n" * 512
        save(self.path, bytes(data))
        self.address += ":observations/states/value"

    def _txt_words(self) -> str:
        words = [["1"] * SITES for _ in range(5)]
        bad = self.chance.choice(
            ("٣", "0_1", "1e400", "-1e400", "inf", "\0", "１", "0x1", "1j", "None", "True", "½", "−1", "1;0",
             "1" * 5000, "1.5", "\ud800", "\x1b[2J", "1e-1", "--1", "")
        )  # fmt: skip
        words[self.chance.randrange(5)][self.chance.randrange(SITES)] = bad
        if not bad:
            words[2] = words[2] * 2
        text = "\n".join(map(" ".join, words))
        save(self.path, text.encode("utf-8", "surrogatepass"))
        return ascii(bad[:20])

    def _txt_coded(self) -> str:
        self.states = np.ones((5, SITES), int)
        text = "\n".join([" ".join("1" * SITES)] * 5)
        how = self.chance.choice(("utf-16", "utf-16-be", "utf-32", "utf-7", "cp037", "gz", "line", "zeros"))
        if how == "gz":
            import gzip

            data = gzip.compress(text.encode())
        elif how == "line":
            data = b"1 " * (5 * 10**7)
        elif how == "zeros":
            data = bytes(10**6)
        else:
            data = text.encode(how)
            self.must = how == "utf-7"
        save(self.path, data)
        return how

    def verdict(self, answer) -> str | None:
        """The fault of an answer, None if there is none or it is one whatever the case."""
        if answer.fault:
            return None
        if answer.code == 2:
            named = self.path.name in answer.errors[0]
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
