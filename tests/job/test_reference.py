"""The reference of all keys, the schema and new job files, which are made from the sections."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dcl_hpc.job import __main__ as command
from dcl_hpc.job.file import load
from dcl_hpc.job.reference import as_text, schema, tables
from dcl_hpc.job.study import Job
from dcl_hpc.job.template import KINDS, new

# Those of lattices; tests/thermal has the others.
FILES = sorted((Path(__file__).parents[2] / "jobs").glob("*.toml"))
JOBS = [path for path in FILES if "study" not in tomllib.loads(path.read_text())]
LATTICES = [kind for kind, (_, document) in KINDS.items() if "study" not in document]


def fields(model, name=""):
    """Every key of a job as (table, key, field)."""
    for key, field in model.model_fields.items():
        below = [one for one in parts(field.annotation) if hasattr(one, "model_fields")]
        yield name, field.alias or key, field
        path = f"{name}.{key}".strip(".") + ".STAGE" * ("dict" in str(field.annotation))
        for one in below:
            yield from fields(one, path)


def parts(annotation):
    """All types that an annotation is made of."""
    arguments = getattr(annotation, "__args__", ())
    return [annotation] if not arguments else [one for a in arguments for one in parts(a)]


def test_every_key_has_a_meaning():
    """In the sections, and therefore in the reference and the schema."""
    every = list(fields(Job))
    assert len(every) > 80
    assert [(table, key) for table, key, field in every if not field.description] == []
    told = {(table.name, key.name) for table in tables() for key in table.keys}
    tables_only = {("", name) for name in Job.model_fields if name not in ("study", "name", "seed")}
    assert told == {(table, key) for table, key, _ in every} - tables_only - {("observe", "exchange")}


def test_text_tells_type_default_unit_and_meaning():
    """One key of each sort."""
    text = re.sub(" +", " ", as_text())
    assert "temperature required number >= 1e-06, <= 1000000, in J/k_B\n the one temperature" in text
    assert "learning_rate 0.002 number > 0\n" in text
    assert 'thin "auto" integer >= 1 | "auto", in sweeps' in text
    assert "width left out number > 0, in J" in text
    assert "hidden [32, 64] [integer >= 1, ...]" in text
    assert (
        "temperatures required [number >= 1e-06, <= 1000000, ...] | { start, stop, step }, in J/k_B" in text
    )
    assert '[rnn] architecture = "transformer"' in text and text.count("heads 4") == 1
    assert text.count("dropout") == 1 and "[resources.STAGE] (optional)" in text


def test_schema_is_draft_2020_12():
    """All references lead somewhere, all sections refuse unknown keys."""
    whole = schema()
    assert whole["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    named = set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(whole)))
    assert named == set(whole["$defs"])
    for section in (whole, *whole["$defs"].values()):
        assert section["type"] == "object" and section["additionalProperties"] is False
        assert set(section.get("required", ())) <= set(section["properties"])


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_schema_accepts_job_files(path):
    """Those of the repository; a wrong key, value or form of a network is refused."""
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema())
    validator = jsonschema.Draft202012Validator(schema())
    document = tomllib.loads(path.read_text())
    validator.validate(document)
    for change in (
        {"surprise": 1}, {"seed": -1}, {"rnn": {"heads": 2}}, {"rnn": {"architecture": "lstm"}},
        {"lattice": {}}, {"sweep": {"temperatures": "warm"}},
    ):  # fmt: skip
        assert not validator.is_valid(document | change)
    assert validator.is_valid(document | {"rnn": {"architecture": "transformer", "heads": 2}})
    glass = {"kind": "edwards_anderson", "couplings": "J.npy"}
    assert validator.is_valid(document | {"hamiltonian": glass})
    assert not validator.is_valid(document | {"hamiltonian": glass | {"couplings": "J.doc"}})


@pytest.mark.parametrize("kind", LATTICES)
def test_new_job_files_are_valid(kind, tmp_path):
    """As they are, and the same with all defaults written out; every key is explained."""
    path, full = tmp_path / "new.toml", tmp_path / "full.toml"
    text = new(kind)
    path.write_text(text)
    full.write_text(re.sub(r"(?m)^#(?=\w+ = )", "", text))
    job = load(path)[0]
    assert job == load(full)[0] and len(full.read_text()) < len(path.read_text())
    assert len(tomllib.loads(full.read_text())["rnn"]) > 15
    for table, key, field in fields(Job):
        if table in ("observe", "labels", "ednn", "levels"):
            assert f"{key} = " in text or key == "exchange"
            assert field.description.split()[0] in text


def test_command(capsys, tmp_path, job_file):
    """What each argument prints; a wrong job is told of line by line."""
    command.main([])
    assert capsys.readouterr().out.rstrip() == as_text()
    command.main(["--schema"])
    assert json.loads(capsys.readouterr().out) == schema()
    command.main(["--new", "potts"])
    assert capsys.readouterr().out == new("potts")
    command.main([str(job_file)])
    assert capsys.readouterr().out == f"{job_file} is valid\n"
    job_file.write_text(job_file.read_text().replace("hidden", "hiden").replace("seed = 7", "seed = -7"))
    with pytest.raises(SystemExit) as ended:
        command.main([str(job_file)])
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        f"dcl_hpc: error: job file {job_file}: 3 mistakes:",
        "  seed: Input should be greater than or equal to 0 (given: -7)",
        "  unknown key rnn.hiden; did you mean rnn.hidden?",
        "  unknown key ednn.hiden; did you mean ednn.hidden?",
    ]


def test_reading_a_job_imports_little():
    """Neither MPI nor TensorFlow nor compiled kernels nor HDF5."""
    code = (
        "import sys, dcl_hpc.job.__main__ as c; c.main([]); c.main(['--new', 'glass']);"
        "print([m for m in ('mpi4py', 'tensorflow', 'numba', 'h5py', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
