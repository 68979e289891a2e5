"""Jobs written as text."""

import json
from pathlib import Path

import pytest

from dcl_hpc.job import file, toml

JOBS = sorted((Path(__file__).parents[2] / "jobs").glob("*.toml"))


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_values_and_text_give_back_the_job(path):
    """Any job is made again from its values, and from the job file that is written of them."""
    job, _ = file.load(path)
    for options in ({}, {"exclude_defaults": True}, {"exclude_unset": True}):
        values = job.model_dump(mode="json", **options)
        assert file.from_dict(json.loads(json.dumps(values))) == job
        assert file.parse(toml.document(values), (), "text", path.parent) == job


def test_overrides_as_the_command_line_takes_them():
    """Strings are quoted, tables and lists are inline, and what is None is left out of tables."""
    assert toml.override("rnn.epochs", 3) == "rnn.epochs=3"
    assert toml.override("name", 'a "b"') == 'name="a \\"b\\""'
    assert toml.override("x", {"a": [1, 2.5, True], "b": None}) == "x={ a = [1, 2.5, true] }"
