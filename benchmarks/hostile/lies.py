"""Files of other programs that tell of more than they hold, or of something else."""

import gzip
import io
import warnings
import zipfile

import h5py
import numpy as np

from .trial import command, save

# Sites of a configuration, and the state of a lost atom.
SITES, LOST = 36, 255
NPY = b"\x93NUMPY"


class Lies:
    """Hostile files of each kind; what a case has, see `imports.Case`."""

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
