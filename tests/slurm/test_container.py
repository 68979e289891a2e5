"""The Apptainer recipe: its scripts are sound, and what it copies is there. It is not built here."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECIPE = (ROOT / "slurm" / "dcl_hpc.def").read_text()


def sections(name: str) -> list[str]:
    """Bodies of all sections of one name, of both stages."""
    return re.findall(rf"^%{name}\b[^\n]*\n(.*?)(?=^%|^Bootstrap:|\Z)", RECIPE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("name", "count"), [("post", 2), ("runscript", 1), ("environment", 1), ("test", 1)])
def test_scripts_are_sound(name, count):
    """Every script is one that sh understands, and shellcheck where it is installed."""
    scripts = sections(name)
    assert len(scripts) == count
    for text in scripts:
        text = text.replace("{{ horovod }}", "1")
        checks = [["sh", "-n"]]
        if shutil.which("shellcheck"):
            checks.append(["shellcheck", "--shell=sh", "-"])
        for command in checks:
            done = subprocess.run(command, input=text, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr


def test_files_are_there():
    """What the recipe copies is in the repository, and all that install.sh reads is copied."""
    first, _ = sections("files")
    copied = dict(line.split() for line in first.splitlines() if line.strip())
    assert all((ROOT / source).exists() for source in copied)
    assert all(target == f"/opt/dcl_hpc/{source}" for source, target in copied.items())
    assert {"install.sh", "setup.cfg", "pyproject.toml", "constraints.txt", "slurm", "README.md"} <= {*copied}


def test_runscript_starts_a_command(tmp_path):
    """The first argument is the command, the others are its own, unchanged; without any it says so."""
    (script,) = sections("runscript")
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    python.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}

    def start(*arguments):
        command = ["/bin/sh", "-c", script, "runscript", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    assert start("train", "my job.toml", "--set", "seed=3").stdout == (
        "<-m><dcl_hpc.train><my job.toml><--set><seed=3>"
    )
    assert start().returncode == 2 and "run-help" in start().stderr
