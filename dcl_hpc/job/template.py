"""New job files to fill in, with every key explained."""

import textwrap

from .file import DEFAULT_STUDY
from .reference import Key, Table, tables
from .toml import as_toml

_COMMON = {
    "lattice": {"shape": [8, 8]},
    "observe": {"temperature": 4.0},
    "labels": {"random": 0.75, "observed": 0.25},
    "sweep": {"temperatures": {"start": 0.5, "stop": 5.0, "step": 0.25}},
}
# What is typed to start a new job.
_RUN = "    python -m dcl_hpc.run FILE"
# For each kind of new job what it is about, and its values that are no defaults.
KINDS = {
    "ising": (
        "An Ising model, observed at one temperature and predicted at others.",
        _COMMON | {"name": "ising", "hamiltonian": {"kind": "ising"}},
    ),
    "potts": (
        "A Potts model, observed at one temperature and predicted at others.",
        _COMMON | {"name": "potts", "hamiltonian": {"kind": "potts", "states": 3, "form": "clock"}},
    ),
    "glass": (
        "Realizations of the Edwards-Anderson glass, simulated and each learned by itself. For snapshots of "
        "your own glass take a new job of snapshots, with disorder = true.",
        _COMMON
        | {
            "name": "glass",
            "hamiltonian": {"kind": "edwards_anderson", "couplings": "gaussian", "realizations": 4},
            "ednn": {"focus": 1, "shared": False},
        },
    ),
    "snapshots": (
        "Configurations of your own (.npy, .npz, .h5 or text) of a system whose law you want to know. All "
        "that is needed is their lattice and the number of states. Of the section observe only the "
        "temperature counts, at which they were taken; without it energies are in k_B T_o, temperatures in "
        "T_o. 'direct' takes seconds to minutes; add 'rnn' and 'ednn' to sweep.energies for the networks.",
        {
            "name": "snapshots",
            "lattice": _COMMON["lattice"],
            "hamiltonian": {"kind": "unknown", "states": 2},
            "labels": _COMMON["labels"],
            "sweep": {"energies": ["direct"]},
        },
    ),
    "thermal": (
        "A perceptron of many layers as a physical system at very low temperature. The times are those of "
        "the paper and take hours; a scan over images, widths or depths makes a phase diagram.",
        {"study": "thermal", "name": "thermal"},
    ),
}


def new(kind: str) -> str:
    """A commented job file that is valid as it is; what has its default is commented out."""
    about, document = KINDS[kind]
    start = _RUN + " --from SNAPSHOTS" * (kind == "snapshots")
    lines = [
        *_comment(about),
        "# Start it with",
        f"# {start}",
        "# Lines that begin with # and a key show its default.",
    ]
    for table in tables(document.get("study", DEFAULT_STUDY)):
        given = document
        for part in table.name.split(".") if table.name else ():
            given = given.get(part, {}) if isinstance(given, dict) else {}
        if not _chosen(table, given):
            continue
        inactive = table.optional and not given
        if table.name:
            header = f"{'# ' * inactive}[{table.name}]"
            lines += ["", *_comment(table.about.partition(". ")[0].rstrip(".") + "."), header]
        for key in table.keys:
            lines += _lines(key, given.get(key.name), inactive)
    return "\n".join(lines) + "\n"


def _chosen(table: Table, given: dict) -> bool:
    """Whether a table has the form that the document asks for, and a header."""
    defaults = {key.name: key.default for key in table.keys}
    return not table.inline and all(
        given.get(name, defaults[name]) == value for name, value in table.form.items()
    )


def _lines(key: Key, given, inactive: bool) -> list[str]:
    explained = _comment(f"{key.meaning} ({key.values})")
    if given is not None:
        return [*explained, f"{key.name} = {as_toml(given)}"]
    if key.default is None:
        return [*explained, f"# {key.name} = ..."]
    return [*explained, f"#{' ' * inactive}{key.name} = {as_toml(key.default)}"]


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
