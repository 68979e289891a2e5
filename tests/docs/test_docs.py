"""README and docs: they build without a warning, and what they name is there and works as they say."""

import re
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml

import dcl_hpc

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
# A command of this program with its options, as far as the line goes.
COMMAND = re.compile(r"-m dcl_hpc\.(\w+)([^`|#\n]*)")


def python_of(page: Path) -> list[str]:
    """Blocks of Python on a page."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@cache
def help_of(module: str) -> str:
    """What a command tells of its options."""
    command = [sys.executable, "-m", f"dcl_hpc.{module}", "--help"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The pages as HTML; warnings are errors."""
    folder = tmp_path_factory.mktemp("docs")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        "-d",
        folder / "trees",
    ]
    done = subprocess.run([*command, ROOT / "docs", folder / "html"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


def test_docs_build(built):
    """Keys of jobs, the interface and formulas are on their pages, made from the program itself."""
    assert "the one temperature at which the system is observed" in (built / "jobs.html").read_text()
    interface = (built / "python.html").read_text()
    assert all(f'id="dcl_hpc.{name}"' in interface for name in dcl_hpc.__all__)
    method = (built / "method.html").read_text()
    assert method.count("<math") > 20 and "$" not in method and "cdn." not in method


def test_citation():
    """The version is this one, and the paper the one that the docs name."""
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    paper = found["preferred-citation"]
    assert found["version"] == dcl_hpc.__version__ and found["cff-version"] == "1.2.0"
    assert paper["doi"] in (ROOT / "docs" / "method.md").read_text()
    assert [author["family-names"] for author in paper["authors"]] == [
        "Sprague", "Carrasquilla", "Whitelam", "Tamblyn",
    ]  # fmt: skip


def test_readme_is_short():
    """It is for someone in a hurry."""
    assert len(README.read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_named_exists(page):
    """Links into the repository, commands with their options, scripts, jobs and results."""
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith(("http", "#"))]
    named = re.findall(
        r"(?<![\w/])(?:benchmarks|examples|slurm|jobs|docs|tests|dcl_hpc)/[\w./-]*\w\.\w+", text
    )
    named += ["dcl_hpc/" + module.replace(".", "/") for module in re.findall(r"-m dcl_hpc\.(\w+)", text)]
    assert [link for link in links if not (page.parent / link.partition("#")[0]).exists()] == []
    assert [name for name in named if not any((ROOT / f"{name}{end}").exists() for end in ("", ".py"))] == []
    for module, rest in COMMAND.findall(text):
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", rest.partition(" -- ")[0]):
            assert option in help_of(module), f"python -m dcl_hpc.{module} has no {option}"


def test_targets_of_make_exist():
    """`make NAME` is in the Makefile."""
    named = {name for page in PAGES for name in re.findall(r"(?:`|    )make ([a-z-]+)", page.read_text())}
    rules = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"demo", "test", "docs"} <= named <= set(rules)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A working directory where the README's job was made of snapshots, under the names of the examples."""
    folder = tmp_path_factory.mktemp("work")
    (toml,) = re.findall(r"^```toml\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    small = "sweep.ladders = 2\nsweep.sweeps = 200\nsweep.thermalization = 50\nlevels.per_level = 5\n"
    (folder / "my.toml").write_text(toml + small)
    known = {"hamiltonian.kind": "ising", "observe.temperature": 4.0, "ednn.fit": "clusters"}
    known |= {"sweep.energies": ["true", "ednn"], "sweep.temperatures": [1 + k / 4 for k in range(17)]}
    observed = {"observe.samples": 2000, "observe.chains": 1000, "name": "source"}
    source = dcl_hpc.start(folder / "my.toml", folder, known | observed).make("observe")
    np.save(folder / "snapshots.npy", 2 * source.observations[:].astype(np.int8) - 1)
    changes = known | {"name": "demo", "sweep.shapes": [[8, 8], [12, 12]]}
    dcl_hpc.start(folder / "my.toml", folder / "runs", changes).make(snapshots=folder / "snapshots.npy")
    return folder


@pytest.fixture
def names(folder, monkeypatch) -> dict:
    """What the examples take for granted."""
    monkeypatch.chdir(folder)
    random = np.random.default_rng(1)
    return {"array": np.load("snapshots.npy"), "configurations": random.integers(0, 2, (3, 32, 32), np.uint8)}


def test_readme_from_python(folder, names):
    """The README's lines run as they are and leave a run behind."""
    (lines,) = python_of(README)
    assert sum(bool(line) for line in lines.splitlines()) <= 6
    exec(lines, names)
    assert (folder / "runs" / "my" / "report" / "index.html").exists()
    assert len(names["run"].sweep("ednn", (12, 12)).u) == 17


def test_docs_from_python(names):
    """So do those of the docs, and the interaction is there, in units of the temperature."""
    (lines,) = python_of(ROOT / "docs" / "python.md")
    exec(lines, names)
    (found,) = names["run"].interactions()
    assert abs(found.coupling - 1 / 4) < 5 * found.error


def test_reader(names):
    """Ten lines of h5py give the averages that the Python interface gives, of the temperatures of the job."""
    (lines,) = python_of(ROOT / "docs" / "files.md")
    assert sum(bool(line) for line in lines.splitlines()) <= 10
    curves = dcl_hpc.start("my.toml").make(snapshots=names["array"]).sweep()
    exec(lines, names)
    listed = np.isin(names["temperature"], curves.temperature)
    np.testing.assert_allclose(names["u"][listed], curves.u, rtol=1e-12)


def test_user_block(folder):
    """Two lines of a file tell what it is and what it was made from, as the docs show."""
    with open(folder / "runs" / "demo" / "sweeps" / "ednn_8x8.h5", "rb") as file:
        title, who = (file.readline().decode() for _ in range(2))
    shown = textwrap.dedent((ROOT / "docs" / "files.md").read_text())
    assert title in shown and re.findall(r'"(\w+)": ', who)[:2] == ["uuid", "inputs"]
    assert '"observe": "' in who and '"ednn": "' in who and '"dependencies": {"name": "demo"' in who
