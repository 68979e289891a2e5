"""Products of low precision where the hardware has them, and learning curves for TensorBoard."""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from dcl_hpc.networks import hardware
from dcl_hpc.stages import train
from dcl_hpc.training import curves


@pytest.mark.parametrize(
    ("flags", "expected"), [("sse avx512_bf16", True), ("amx_bf16", True), ("avx2", False)]
)
def test_processor_flags_tell(monkeypatch, flags, expected):
    """The first processor's flags tell whether it multiplies bfloat16."""
    text = f"processor: 0\nflags\t\t: fpu {flags}\nbugs: none\n"
    monkeypatch.setattr(hardware.Path, "read_text", lambda self: text)
    assert hardware.has_bfloat16() == expected


@pytest.mark.parametrize("lacking", [0, 1])
@pytest.mark.parametrize("asked", ["float32", "bfloat16"])
def test_one_rank_without_bfloat16_is_enough(monkeypatch, lacking, asked):
    """All ranks use float32 as soon as one of them has nothing else, and say so if more was asked for."""
    said = []
    others = SimpleNamespace(sum=lambda own: own + lacking)
    monkeypatch.setattr(hardware, "has_bfloat16", lambda: True)
    network = SimpleNamespace(precision=asked)
    train._precision(SimpleNamespace(parallel=others, log=said.append), network)
    assert network.precision == ("float32" if lacking else asked)
    assert bool(said) == bool(lacking and asked == "bfloat16")


def test_curves_are_events(tmp_path):
    """Points written are points that TensorFlow reads back."""
    record = curves.Recorder(tmp_path / "rnn", print)
    record(10, {"loss": 2.5})
    record(20, {"loss": 1.5, "excess": 0.25})
    (path,) = (tmp_path / "rnn").glob("events.*")
    found = {}
    for event in tf.compat.v1.train.summary_iterator(str(path)):
        for value in event.summary.value:
            found[event.step, value.tag] = float(np.array(tf.make_ndarray(value.tensor)))
    assert found == {(10, "loss"): 2.5, (20, "loss"): 1.5, (20, "excess"): 0.25}


def test_training_goes_on_without_curves(tmp_path):
    """Where they cannot be written, that is said once, and no error ends the training."""
    (tmp_path / "file").write_text("")
    said = []
    record = curves.Recorder(tmp_path / "file" / "rnn", said.append)
    for step in range(3):
        record(step, {"loss": 1.0})
    assert len(said) == 1 and "\n" not in said[0]
