"""What is out of date or damaged is told before it is used, and nothing is ever deleted."""

import json

import numpy as np
import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job import file as jobs
from dcl_hpc.pipeline.batches import missing
from dcl_hpc.pipeline.run import Run
from dcl_hpc.storage import identity, weights
from dcl_hpc.storage.documents import digest_of, read_json, write_json
from dcl_hpc.storage.layout import array_field, write_file

OUTPUTS = (
    "observe", "rnn", "label", "ednn", "calibrate_ednn", "evaluate", "sweep_true_6x6", "sweep_rnn_6x6",
    "sweep_ednn_6x6",
)  # fmt: skip
OF_NUMBERS = {"numbers": array_field(np.arange(1000.0), ("n",), "numbers")}


def make(run, *outputs, layout=None) -> None:
    """Complete files of some outputs."""
    for output in outputs:
        write_file(run.path(output), layout or {}, run.attributes(output), total=1, done=1)


def make_anew(run, output) -> None:
    """The file of an output is another one than before."""
    run.path(output).unlink()
    make(run, output)


def out_of_date(run) -> set[str]:
    """Outputs that must not be used."""
    return {output for output in run.data if run.state(output).problem is not None}


@pytest.fixture
def run(job_file, runs) -> Run:
    """The tiny run with complete files of all stages but the report."""
    one = Run(*jobs.load(job_file, ()), str(job_file), runs, 1)
    make(one, *OUTPUTS)
    return one


@pytest.fixture
def glasses(glass_file, runs):
    """Two glasses with warm starts; files of all stages."""
    changes = ("rnn.warm_start=true",)
    whole = Run(*jobs.load(glass_file, changes), str(glass_file), runs, 1, changes)
    for member in whole.realizations:
        make(member, *member.data)
    return whole


@pytest.mark.parametrize(
    ("output", "concerned"),
    [
        ("observe", set(OUTPUTS) - {"observe", "sweep_true_6x6"}),
        ("rnn", {"label", "ednn", "calibrate_ednn", "evaluate", "sweep_rnn_6x6", "sweep_ednn_6x6"}),
        ("label", {"ednn", "calibrate_ednn", "evaluate", "sweep_ednn_6x6"}),
        ("ednn", {"calibrate_ednn", "evaluate", "sweep_ednn_6x6"}),
        ("calibrate_ednn", {"evaluate", "sweep_ednn_6x6"}),
        ("evaluate", set()),
    ],
)
def test_what_follows_is_out_of_date(run, output, concerned):
    """All that was made from a file, also through others, is out of date when it is another one."""
    make_anew(run, output)
    assert out_of_date(run) == concerned


def test_lineage_across_gaps(run):
    """Labels know the observations that their network was trained on, even if that is gone."""
    run.path("rnn").unlink()
    assert out_of_date(run) == set()
    make_anew(run, "observe")
    assert out_of_date(run) == set(OUTPUTS) - {"observe", "rnn", "sweep_true_6x6"}


def test_network_of_the_first_realization(glasses):
    """With a warm start the first network is an ancestor of all others."""
    first, second = glasses.realizations
    assert not out_of_date(first) and not out_of_date(second)
    make_anew(first, "rnn")
    later = {"label", "ednn", "calibrate_ednn", "evaluate", "sweep_rnn_4x4", "sweep_ednn_4x4"}
    assert out_of_date(first) == later and out_of_date(second) == {"rnn", *later}
    make_anew(first, "observe")
    assert out_of_date(second) == {"rnn", *later}


@pytest.mark.parametrize(("source", "target"), [("sweep_true_6x6", "sweep_rnn_6x6"), ("rnn", "ednn")])
def test_file_in_the_place_of_another(run, source, target):
    """A file says which output it is."""
    run.path(target).write_bytes(run.path(source).read_bytes())
    with pytest.raises(UserError, match=f"is the file of another output, {source}"):
        run.require(target)


def test_file_of_another_realization(glasses):
    """A glass's file is not taken for that of another one, nor for that of another size."""
    first, second = glasses.realizations
    second.path("sweep_true_4x4").write_bytes(first.path("sweep_true_4x4").read_bytes())
    with pytest.raises(UserError, match="was made by another job"):
        second.require("sweep_true_4x4")


@pytest.mark.parametrize("place", [0, 100, 40_000, 65_030, 70_000, -1])
def test_damage_of_complete_files(run, place):
    """Wherever a byte is another one: it is told before the file is passed over, used or submitted upon."""
    run.path("label").unlink()
    make(run, "label", layout=OF_NUMBERS)
    content = bytearray(run.path("label").read_bytes())
    content[place] ^= 4
    run.path("label").write_bytes(content)
    for use in (run.prepare, run.require, run.done):
        with pytest.raises(UserError, match=r"labels\.h5 is damaged"):
            use("label")
    assert "label" in missing(run, update=True)


def test_update_moves_aside(run):
    """All versions of a file are kept under `old`, with the checkpoint before."""
    kept = []
    for k in range(3):
        spare = weights.previous(run.path("rnn"))
        spare.write_bytes(b"%d" % k)
        kept += [run.path("rnn").read_bytes(), spare.read_bytes()]
        make_anew(run, "observe")
        complete, said = run.prepare("rnn", update=True)
        assert not complete and said[0].endswith(f"moved to old/{k + 1}/rnn/network.h5")
        assert not run.path("rnn").exists() and not spare.exists()
        make(run, "rnn")
    found = [path.read_bytes() for path in (run.root / "old").rglob("*.h5")]
    assert sorted(found) == sorted(kept)


def test_nothing_is_moved_without_update(run):
    """Preparing a stage leaves what is out of date where it is."""
    make_anew(run, "observe")
    before = run.path("rnn").read_bytes()
    with pytest.raises(UserError, match="is out of date: it was made from another tiny/observations"):
        run.prepare("rnn")
    assert run.path("rnn").read_bytes() == before and not (run.root / "old").exists()


def publish(run, **inputs) -> None:
    """A report with a page and a figure."""
    folder = run.path("report").parent
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("index.html", "energies.png"):
        (folder / name).write_text(f"{name} of {run.root}")
    files = {name: digest_of(folder / name) for name in ("index.html", "energies.png")}
    uuid = identity.Identity().uuid
    write_json(
        run.path("report"),
        {"uuid": uuid, "inputs": inputs, "files": files, "wall_seconds": {"report": 1.0}},
    )


def of_data(run) -> dict[str, str]:
    """Numbers of all files that a report is made from."""
    return {output: identity.read(run.path(output)).uuid for output in run.data}


@pytest.mark.parametrize("name", ["index.html", "energies.png", "summary.json"])
def test_damaged_report(run, name):
    """A byte of any of the report's files is missed."""
    publish(run, **of_data(run))
    assert run.state("report").current
    path = run.path("report").with_name(name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert run.state("report").problem is not None
    assert run.prepare("report") == (False, [])
    path.unlink()
    assert not run.state("report").current


def test_report_of_stale_realization(glasses):
    """The report of an ensemble is out of date with that of any realization."""
    for member in glasses.realizations:
        publish(member, **of_data(member))
    reports = {m.root.name: read_json(m.path("report"))["uuid"] for m in glasses.realizations}
    publish(glasses, **reports)
    assert glasses.state("report").current
    second = glasses.realizations[1]
    make_anew(second, "sweep_true_4x4")
    assert not second.state("report").current and not glasses.state("report").current
    publish(second, **of_data(second))
    assert second.state("report").current and not glasses.state("report").current


def imported(job_file, runs, snapshots) -> Run:
    """A run of snapshots."""
    return Run(*jobs.load(job_file, ()), str(job_file), runs, 1, snapshots=str(snapshots))


def test_snapshots(job_file, runs, tmp_path):
    """The same configurations are accepted from any path, others from none."""
    states = np.random.default_rng(1).integers(0, 2, (100, 6, 6), np.uint8)
    np.save(tmp_path / "a.npy", states)
    np.save(tmp_path / "same.npy", states)
    run = imported(job_file, runs, tmp_path / "a.npy")
    said = {"source": run.foreign.identity, "source_digest": run.foreign.digest}
    write_file(run.path("observe"), {}, run.attributes("observe", imported=True) | said, total=1, done=1)
    assert run.done("observe") and imported(job_file, runs, tmp_path / "same.npy").done("observe")
    states[50, 3, 3] ^= 1
    np.save(tmp_path / "other.npy", states)
    with pytest.raises(UserError, match=r"was imported from .*a\.npy, not from .*; choose another name"):
        imported(job_file, runs, tmp_path / "other.npy").done("observe")
    np.save(tmp_path / "a.npy", states)
    with pytest.raises(UserError, match=r"was imported from .*a\.npy, which has changed since"):
        imported(job_file, runs, tmp_path / "a.npy").done("observe")


def test_files_of_the_format_before(run):
    """They are told by name, and moved aside like others."""
    path = run.path("label")
    path.write_bytes(path.read_bytes()[identity.BLOCK :])
    with pytest.raises(UserError, match=r"labels\.h5 was written by an earlier version \(file format 1\)"):
        run.require("label")
    assert run.prepare("label", update=True)[1]
    assert (run.root / "old" / "1" / "labels.h5").exists()


def test_copies_and_times_do_not_matter(run, tmp_path):
    """A run that was copied byte by byte, with new times in any order, is as good as before."""
    for path in sorted(run.root.rglob("*.h5"), reverse=True):
        copy = path.read_bytes()
        path.unlink()
        path.write_bytes(copy)
    assert not out_of_date(run) and all(run.done(output) for output in run.data)


def test_identity_is_plain_text(run):
    """The first lines of a file say what it is, without HDF5."""
    title, line, _ = run.path("label").read_bytes().split(b"\n", 2)
    assert title == b"dcl_hpc file, format 2"
    values = json.loads(line)
    assert values["about"]["stage"] == "label" and set(values["inputs"]) == {"observe", "rnn"}
