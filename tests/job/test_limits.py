"""What a job may say: types are strict, sizes are those of machines, and every mistake is a short line."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcl_hpc.errors import LONGEST, UNSEEN, UserError, quoted, shown
from dcl_hpc.files import open_regular, read_regular
from dcl_hpc.job import file, needs, reference

JOBS = Path(__file__).parents[2] / "jobs"
LATTICE, THERMAL = JOBS / "ising_L8.toml", JOBS / "thermal.toml"
KEYS = [f"{t.name}.{k.name}" if t.name else k.name for t in reference.tables() for k in t.keys]
few = settings(max_examples=25)


def refusal(overrides, path=LATTICE) -> str:
    """What a job is refused with."""
    with pytest.raises(UserError) as caught:
        file.load(path, overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("ednn.batch=true", "ednn.batch: Input should be a valid integer (given: True)"),
        ('ednn.batch="5"', "ednn.batch: Input should be a valid integer (given: '5')"),
        ("ednn.batch=3.0", "ednn.batch: Input should be a valid integer (given: 3.0)"),
        ("ednn.shared=1", "ednn.shared: Input should be a valid boolean (given: 1)"),
        ("rnn.clip=inf", "rnn.clip"),
        ("rnn.warmup=nan", "rnn.warmup"),
        ("sweep.energies=['true', 'true']", "sweep.energies: 'true' is named twice"),
        ("sweep.temperatures=[1.0, 1.0000000000000002, 2]", "are nearly the same"),
        ("sweep.temperatures={start = 1, stop = 5, step = 1e-6}", "4000001 temperatures are more than 1000"),
        ("observe.temperature=1e-300", "observe.temperature"),
        ("hamiltonian.coupling=1e300", "hamiltonian.coupling"),
        ("hamiltonian.coupling=1e-308", "times the strongest coupling"),
        ("levels.max_sweeps=200", "levels.max_sweeps"),
        ("rnn.validations=1000000000", "rnn.validations"),
        ("observe.thin=1000000000000000000", "observe.thin"),
        ("observe.thin=1000000000000", "years of a core"),
        ("rnn.hidden=100000000", "rnn.hidden, rnn.batch: rnn needs 1.82e+05 TiB of memory"),
        ("lattice.shape=[100000, 100000]", "more than 16777216 sites"),
        ("sweep.shapes=[[1000000, 1000000]]", "more than 16777216 sites"),
        ("sweep.ladders=1000000000000", "of memory"),
        ("ednn.context=1000000000", "ednn.context"),
        ("direct.radius=1000000000", "direct.radius"),
        ("rnn.epochs=" + "9" * 5000, "rnn.epochs"),
        ("rnn.epochs=0x" + "f" * 5000, "rnn.epochs: a huge int is too large a number"),
        ("rnn.learning_rate=" + "9" * 400 + ".0", "rnn.learning_rate"),
        ("x=" + "[" * 500 + "]" * 500, "x"),
        ("x=" + "[" * 20 + "]" * 20, "more than 16 deep"),
        ('observe.source="a\\u0000b"', "'a\\x00b' has characters that cannot be seen"),
        ("rnn.epochs=5\nname=other", "a line end"),
        ("rnn.epochs=", "the value is missing"),
        ("y" * 10_000 + "=1", "unknown key"),
    ],
)
def test_refused(override, told):
    """One short line without what cannot be seen."""
    message = refusal((override,))
    assert told in message.replace("\n", " ") and len(message) <= LONGEST
    assert not UNSEEN.search(message.replace("\n  ", ""))


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("machine.width=true", "machine.width"),
        ("samples.samples=100000000000", "samples.samples"),
        ("scan={width = [" + "1," * 2000 + "2]}", "points are more than 1000"),
        ("samples={samples = 100000, replicas = 100000}", "needs 1.37e+04 TiB of memory"),
    ],
)
def test_thermal_refused(override, told):
    """The other study, too."""
    assert told in refusal((override,), THERMAL)


@pytest.mark.parametrize(
    "content", ["a = " + "[" * 2000, "x = " + "9" * 5000, "\ufeffname = 'x'", "name = '\x01'"]
)
def test_text_that_is_no_toml(tmp_path, content):
    """Too deep, too long, and characters that do not belong there."""
    path = tmp_path / "job.toml"
    path.write_text(content)
    assert "is not valid TOML" in refusal((), path)


value = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.builds(lambda: 10**6000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@few
@given(key=st.sampled_from(KEYS), value=value)
def test_any_value_of_any_key(key, value):
    """A job, or a message; never anything else."""
    try:
        file.load(LATTICE, {key: value})
    except UserError as error:
        assert 0 < len(str(error)) <= LONGEST


@few
@given(text=st.text(max_size=2000), most=st.integers(20, 500))
def test_shown(text, most):
    """On one line, and no longer than asked for; what is harmless stays."""
    found = shown(text, most)
    assert len(found) <= most and not UNSEEN.search(found)
    if len(text) <= most and not UNSEEN.search(text):
        assert found == text
    assert len(quoted([text] * 50)) <= 60


def test_long_lists_of_mistakes_are_counted():
    """Those that a message has no room for."""
    message = str(UserError("head", *(f"{k}: {'x' * 200}" for k in range(50))))
    first, *lines, last = message.split("\n  ")
    assert len(message) <= LONGEST and first == "head" and last == f"and {50 - len(lines)} more"


def test_needs_of_jobs_are_those_of_machines():
    """All examples need less than a node has; bytes are told in words."""
    for path in JOBS.glob("*.toml"):
        found = file.load(path)[0].needs
        assert found and all(0 <= need.memory < 2**36 and need.work < 1e15 for need in found.values())
    assert [needs.size(x) for x in (5, 2**20, 7.5 * 2**30)] == ["5 bytes", "1 MiB", "7.5 GiB"]
    with pytest.raises(
        UserError, match=r"observe needs 7\.5 GiB of memory here, this machine has 4 GiB; lower a"
    ):
        needs.refuse(needs.Need("a", 15 * 2**30), "observe", 0.5, 4 * 2**30)


def test_needs_grow_with_what_they_depend_on():
    """States of chains: one byte a site."""
    job = file.load(LATTICE, {"observe.chains": 10**6, "observe.samples": 10**6, "observe.thin": 3})[0]
    assert job.needs["observe"].memory == 64 * 10**6 + 8
    assert math.isclose(job.needs["observe"].work, 64 * 10**6 * 503)


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(path)],
    ids=["pipe", "folder", "device", "loop"],
)
@pytest.mark.parametrize("name", ["job.toml", "own.npy", "own.txt"])
def test_only_files_are_read(tmp_path, make, name):
    """As a job file or as couplings."""
    make(tmp_path / name)
    glass = ("hamiltonian={kind='edwards_anderson', couplings='" + name + "'}",)
    if name != "job.toml":
        (tmp_path / "job.toml").write_text(LATTICE.read_text())
    message = refusal(glass, tmp_path / "job.toml")
    assert f"{tmp_path / name} cannot be read: " in message


def test_files_of_limited_size(tmp_path):
    """Also of one that has no size, as those of the system; a name with NUL is none."""
    path = tmp_path / "large"
    path.write_bytes(b"x" * 100)
    assert read_regular(path, 100) == b"x" * 100
    for one, most in ((path, 99), ("/proc/self/maps", 10)):
        with pytest.raises(OSError, match=f"it has more than {most} bytes"):
            read_regular(one, most)
    with pytest.raises(OSError, match="null byte"):
        open_regular("a\0b")
    with open(path, "wb") as sparse:
        sparse.truncate(2**40)
    assert "it has more than 1 MiB" in refusal((), path)


@pytest.mark.parametrize("shape", [(10**15, 2), (2**62, 4)])
def test_couplings_that_claim_too_much(tmp_path, shape):
    """A header is no reason to take memory; archives are not arrays."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    (tmp_path / "own.npy").write_bytes(
        b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    )
    np.savez(tmp_path / "zip.npz", np.ones(3))
    (tmp_path / "zip.npz").rename(tmp_path / "zip.npy")
    (tmp_path / "job.toml").write_text(LATTICE.read_text())
    for name in ("own", "zip"):
        glass = (f"hamiltonian={{kind='edwards_anderson', couplings='{name}.npy'}}",)
        assert f"{name}.npy cannot be read" in refusal(glass, tmp_path / "job.toml")
