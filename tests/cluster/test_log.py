"""Lines of rank 0 are printed, or go where a program that uses this one sends them."""

import logging

import pytest

from dcl_hpc.cluster.log import Log


@pytest.fixture
def logger():
    """The logger as it is before the first line; it is left as it was found."""
    logger = logging.getLogger("dcl_hpc")
    kept = logger.handlers[:], logger.level, logger.propagate
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True
    yield logger
    logger.handlers[:], logger.propagate = kept[0], kept[2]
    logger.setLevel(kept[1])


def test_lines_are_printed(logger, capsys):
    """Each with what it is about, by rank 0 alone, once, also if the root logger has handlers."""
    logging.getLogger().addHandler(handler := logging.StreamHandler())
    Log(0, "realization 3: ")("one\ntwo 100 %s")
    Log(1)("not said")
    logging.getLogger().removeHandler(handler)
    out, err = capsys.readouterr()
    assert out == "realization 3: one\nrealization 3: two 100 %s\n"
    assert err == ""


def test_a_handler_takes_the_lines(logger, capsys):
    """Nothing is printed then; warnings are told apart by their level."""
    found = []
    handler = logging.Handler()
    handler.emit = found.append
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    log = Log(0)
    log("observe: done")
    log("observe: warning: too short")
    assert [(record.levelname, record.getMessage()) for record in found] == [
        ("INFO", "observe: done"),
        ("WARNING", "observe: warning: too short"),
    ]
    assert capsys.readouterr().out == ""


def test_progress_is_a_line_now_and_then(logger, capsys, monkeypatch):
    """Without a terminal progress is a line every ten seconds, by the same way."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with Log(0).progress("sweep", 100, unit="sweeps") as progress:
        for _ in range(4):
            now[0] += 4
            progress.step(10)
    assert capsys.readouterr().out.startswith("sweep:  30% 30.0/100 2.50sweeps/s")
