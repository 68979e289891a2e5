"""Small files: the order in which the disk is told, whole or not at all, damage seen."""

import errno
import json
import math
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcl_hpc.errors import UserError
from dcl_hpc.storage import documents, weights
from dcl_hpc.storage.identity import Damaged


@pytest.fixture
def calls(monkeypatch):
    """What the disk is asked for, in order: fsync of "file" or "folder", and rename."""
    made = []
    fsync, replace = os.fsync, os.replace

    def synced(number):
        made.append("folder" if os.path.isdir(f"/proc/self/fd/{number}") else "file")
        fsync(number)

    def renamed(source, target):
        made.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    return made


def test_order_of_a_replacement(tmp_path, calls):
    """The content is on the disk before it has the name, and the name before anything goes on."""
    documents.write_json(tmp_path / "a.json", {"a": 1})
    assert calls == ["file", "rename", "folder"]


def test_order_of_a_checkpoint(tmp_path, calls):
    """So it is with both checkpoints; the one before has its second name before the new one comes."""
    path = tmp_path / "network.h5"
    for step in (1, 2):
        calls.clear()
        weights.save(path, {}, {}, {"w": step}, {}, step, 2, 0.0)
        assert path.exists()
        renames = [k for k, call in enumerate(calls) if call == "rename"]
        assert len(renames) == step
        for k in renames:
            assert "file" in calls[:k] and calls[k - 1] == "file" and calls[k + 1] == "folder"
    assert weights.load(path)[1]["w"] == 2 and weights.load(weights.previous(path))[1]["w"] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["network.h5", "network.previous.h5"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_failure_leaves_the_old_file(tmp_path, monkeypatch, failing):
    """If the disk refuses, the old content is there, no other file, and one line tells why."""
    path = tmp_path / "a.json"
    documents.write_json(path, {"a": 1})

    def refuse(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, failing, refuse)
    with pytest.raises(UserError, match=r"cannot write .*a\.json: No space left on device") as caught:
        documents.write_json(path, {"a": 2})
    assert "\n" not in str(caught.value)
    assert documents.read_json(path) == {"a": 1} and [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_every_changed_byte_is_seen(tmp_path):
    """No byte of a JSON file can change so that it gives other values."""
    path, values = tmp_path / "a.json", {"name": "tiny", "u": -1.25, "list": [1, None, True]}
    documents.write_json(path, values)
    text = path.read_bytes()
    for place in range(len(text)):
        for change in (1, 4, 0x80):
            changed = text[:place] + bytes([text[place] ^ change]) + text[place + 1 :]
            path.write_bytes(changed)
            try:
                assert documents.read_json(path) == values, (place, change)
                assert json.loads(changed) == json.loads(text)
            except Damaged as error:
                assert "\n" not in str(error)


def test_numbers_that_are_not_finite(tmp_path):
    """JSON has none: null is there, with where and what they were, and they come back."""
    path, values = tmp_path / "a.json", {"a": [1.5, math.nan, {"b": -math.inf}], "c": None, "d": math.inf}
    documents.write_json(path, values)
    written = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert written["a"] == [1.5, None, {"b": None}] and written["d"] is None
    assert {key: text.partition(":")[0] for key, text in written["not_finite"].items()} == {
        "/a/1": "nan", "/a/2/b": "-inf", "/d": "inf",
    }  # fmt: skip
    assert repr(documents.read_json(path)) == repr(values)


@settings(max_examples=60)
@given(
    st.binary(max_size=40)
    | st.recursive(
        st.none() | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["sha256", "a"]), inner),
    ).map(lambda value: json.dumps(value).encode())
    | st.sampled_from([b"[" * 100_000, b"9" * 5000, b'{"sha256": "", "not_finite": 3}'])
)
def test_other_content_is_damage(tmp_path_factory, content):
    """Whatever else is in the place of a JSON file is told in one line."""
    path = tmp_path_factory.getbasetemp() / "other.json"
    path.write_bytes(content)
    with pytest.raises(Damaged, match=r"other\.json is damaged") as caught:
        documents.read_json(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
