"""Job files, overrides and arguments as nobody should write them: told in a line, or taken if they are right.

What must be refused is known of every value that is put in: what no key takes, and what is not of the type or
in the limits that the key reference tells.
"""

import random
import re
import shutil
import tomllib
from pathlib import Path

# Imported once, before processes are forked: what commands need without TensorFlow and MPI.
from dcl_hpc.inference import free_table  # noqa: F401
from dcl_hpc.job import file, reference
from dcl_hpc.job.toml import document as as_document
from dcl_hpc.pipeline import status, submissions  # noqa: F401
from dcl_hpc.reporting import exact_values, plan  # noqa: F401
from dcl_hpc.stages import observe  # noqa: F401

from .trial import ERROR, Answer, Tally, command, save

BASES = [path.read_bytes() for path in sorted((Path(__file__).parents[2] / "jobs").glob("*.toml"))]
# Values, as TOML writes them, that no key takes.
NEVER = (
    "nan",
    "-nan",
    "inf",
    "-inf",
    "1e400",
    "-1e400",
    "9" * 5000,
    "0x" + "f" * 5000,
    "9" * 400,
    "9" * 400 + ".5",
    "-9223372036854775809",
    "9223372036854775808",
    "[" * 600 + "]" * 600,
    "{a=" * 40 + "1" + "}" * 40,
    '"\\u0000"',
    '"a\\nb"',
    '"\\u001b[31m"',
    '"\\u202e"',
    "1979-05-27",
    "07:32:00",
    '""',
    "[[[[[[[[1]]]]]]]]",
    '{kind="ising"}',
    '["\\u0007"]',
    "'" + "x" * 3000 + "'",
    "{}",
    "[{}]",
    "-0x1",
    "1_",
    "01",
    "--1",
    "'",
    '"',
)
# Others; some keys take some of them.
VALUES = (
    "true",
    "false",
    '"5"',
    "3.0",
    "0",
    "-1",
    "1",
    "2",
    "1e-300",
    "1e300",
    "5e-324",
    "1e18",
    "1e-9",
    "1000000000000",
    "1000000000",
    "1000001",
    "65536",
    "4096",
    "255",
    "256",
    "254",
    "2.5",
    "0.5",
    "-0.0",
    "1e-6",
    "1e6",
    '"auto"',
    '"none"',
    '"٣"',
    "[]",
    "[1]",
    "[2,2]",
    "[8,8,8]",
    "[6,6]",
    "[3000,3000]",
    "[1.0,1.0000000000000002]",
    '"../../etc"',
    '"/dev/zero"',
    '"/dev/null"',
    '"x.npy"',
    '["true","true"]',
    "[1,2,3,4,5,6,7,8,9]",
    "'a b'",
    '"…"',
)
# Of which no number, or no integer, takes any.
WRONG_TYPES = ("true", "false", '"5"', "3.0", "1e3", "[1]", "{a = 1}")
NOISE = (
    b"\x00",
    b"\xff",
    b"\n",
    b"=",
    b"[",
    b"]]",
    b'"',
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"#",
    b"\r",
    b"'''",
    b"9",
)
ARGUMENTS = (
    ("--set", "rnn.epochs=5\nx=1"),
    ("--set", ""),
    ("--set", "="),
    ("--set", "a.b.c.d.e.f=1"),
    ("--set", "name"),
    ("--set", "name.x=1"),
    ("--set", "..=1"),
    ("--set", "rnn.epochs="),
    ("--set", "x" * 5000 + "=1"),
    ("--runs", ""),
    ("--set", "rnn\x1b[31m=1"),
    ("--nonsense",),
    ("--set", "name=../x"),
    ("--set", "lattice=1"),
    ("extra",),
    ("--set", "hamiltonian.couplings=\x01.npy"),
)
MODULES = ("status",) * 40 + ("job", "submit", "exact", "exact", "plan", "observe", "observe", "report")
# So that observing takes no time.
SMALL = {
    "hamiltonian": '{kind = "ising"}',
    "lattice": "{shape = [4, 4]}",
    "observe": "{temperature = 4.0, samples = 64, chains = 8, thermalization = 1, thin = 1}",
}


def run(chance: random.Random, n: int, folder: Path, tally: Tally) -> None:
    """Ask commands about n mutated jobs."""
    keys = {study: _keys(study) for study in file.STUDIES}
    for _ in range(n):
        _one(chance, folder, tally, keys)


def _keys(study: str) -> list[tuple[str, str]]:
    """Every key with dots, and its type."""
    found = []
    for table in reference.tables(study):
        name = table.name.replace("STAGE", "report")
        found += [(f"{name}.{key.name}" if name else key.name, key.type) for key in table.keys]
    return found


def _one(chance: random.Random, folder: Path, tally: Tally, keys) -> None:
    text = chance.choice(BASES)
    values = tomllib.loads(text.decode())
    own = keys[values.get("study", file.DEFAULT_STUDY)]
    arguments: list[str] = []
    literals: dict[str, str] = {}  # of the file, by what stands for them
    wrong: dict[str, str] = {}  # by their keys
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        way = chance.random()
        if way < 0.45:
            _change(chance, values, own, literals, wrong)
            text = as_document(values).encode()
        elif way < 0.6:
            key, literal = _literal(chance, own, wrong)
            arguments += ["--set", f"{key}={literal}"]
        elif way < 0.7:
            arguments += chance.choice(ARGUMENTS)
        else:
            text = _damaged(chance, text)
            wrong = {}
            break
    for mark, literal in literals.items():
        text = text.replace(f'"{mark}"'.encode(), literal.encode())
    module = chance.choice(MODULES)
    if module == "job":  # takes a file only
        arguments = []
    else:
        arguments += ["--runs", str(folder / "runs")]
    if module == "observe":
        for key, value in SMALL.items():
            arguments += ["--set", f"{key}={value}"]
    arguments += {"submit": ["--dry-run"], "exact": ["--shape", "3x3", "--temperatures", "1,2"]}.get(
        module, []
    )
    answer = command(module, save(folder / "job.toml", text), *arguments)
    taken = wrong if module == "status" and answer.code == 0 else {}
    fault = answer.fault or _shown(answer) or ("accepted" if taken else None)
    case = f"{module} {list(taken.items()) or ''} {str(arguments)[:500]} of {text[:1500]!r}"
    tally.add(case, answer, fault)
    shutil.rmtree(folder / "runs", ignore_errors=True)


def _shown(answer: Answer) -> str | None:
    """Fault of an answer with code 2 that does not say where its mistake is."""
    empty = any(line.removeprefix(ERROR).strip() in ("", "None") for line in answer.errors)
    return "untidy" if empty else None


def _literal(chance: random.Random, keys, wrong: dict[str, str]) -> tuple[str, str]:
    """A key and a value for it; what must be refused is noted."""
    key, kind = chance.choice(keys)
    literal = chance.choice(chance.choice((NEVER, VALUES, WRONG_TYPES)))
    wrong.pop(key, None)
    if not _fits(literal, kind):
        wrong[key] = literal[:40]
    return key, literal


def _fits(literal: str, kind: str) -> bool:
    """Whether a value may be of the type and in the limits of a key, as the reference tells them."""
    try:
        value = tomllib.loads(f"x = {literal}")["x"]
    except (ValueError, RecursionError):
        return "string" in kind  # a bare word
    if not re.fullmatch(r"(integer|number)[^|\[]*", kind):
        return True
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind.startswith("number") else int):
        return False
    limits = re.findall(r"(>=|<=|>|<) ([-+.e0-9]+)", kind)
    tests = {">=": value.__ge__, "<=": value.__le__, ">": value.__gt__, "<": value.__lt__}
    return all(tests[sign](type(value)(float(limit))) for sign, limit in limits)


def _change(
    chance: random.Random, values: dict, keys, literals: dict[str, str], wrong: dict[str, str]
) -> None:
    """Give a key another value, remove it, or spell it wrongly."""
    key, literal = _literal(chance, keys, wrong)
    *sections, last = key.split(".")
    there = values
    for section in sections:
        if not isinstance(there.setdefault(section, {}), dict):
            there[section] = {}
        there = there[section]
    way = chance.random()
    if way < 0.8:
        there[last] = mark = f"@{len(literals)}@"
        literals[mark] = literal
        return
    wrong.pop(key, None)
    if way < 0.9:
        there.pop(last, None)
    elif way < 0.95:
        there[last + "s"] = there.pop(last, 1)
    else:
        values[chance.choice(list(values))] = 1


def _damaged(chance: random.Random, text: bytes) -> bytes:
    """The text with bytes changed, removed, doubled or cut off."""
    data = bytearray(text)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        place, length = chance.randrange(len(data) or 1), chance.choice((1, 2, 10, 100))
        way = chance.randrange(5)
        if way == 0 and data:
            data[place % len(data)] ^= 1 << chance.randrange(8)
        elif way == 1:
            data[place:place] = chance.choice(NOISE) * chance.choice((1, 1, 3, 1000))
        elif way == 2:
            del data[place : place + length]
        elif way == 3:
            data[place:place] = data[place : place + length]
        else:
            lines = data.split(b"\n")
            lines.insert(chance.randrange(len(lines)), chance.choice(lines))
            data = bytearray(b"\n".join(lines))
    return bytes(data[: chance.choice((None, None, None, len(data) // 2, 2**21))])
