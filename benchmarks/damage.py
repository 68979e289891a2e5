"""Change single bytes of finished runs at random: none may be used, none may crash a reader.

    python benchmarks/damage.py [--times N] [--seed S] [--quick] [--json]

A tiny system and an ensemble of two glasses are finished once. Then, N times, one byte of one of all their
files gets another value, and a process of its own asks status, the Python interface, report and run. A change
is *told* if one of them names it, refuses, or makes the file anew, and none gives other numbers than before.
It is *harmless* in files that nothing reads: TensorBoard's curves, and the checkpoint before the last one,
which is compared with its checksum when it is needed; and in a JSON file if its values are the same.
"""

import argparse
import contextlib
import hashlib
import io
import json
import multiprocessing
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from outcome import add_arguments, finish
from stale import ENSEMBLE, SYSTEM, TINIEST

import dcl_hpc
from dcl_hpc.errors import UserError
from dcl_hpc.pipeline import command
from dcl_hpc.pipeline.stages import STUDIES
from dcl_hpc.pipeline.status import status

SPARE = (".previous.h5",)
FOREIGN = ("tensorboard",)
WORDS = ("damaged", "out of date", "gone")


def asked(function) -> tuple[int, str]:
    """Exit code and output of a command that is called here."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            code = function() or 0
        except SystemExit as end:
            code = end.code or 0
    return code, out.getvalue()


def python_interface(root: Path) -> str:
    """Digest of all that the Python interface gives of a run."""
    digest = hashlib.sha256()
    opened = dcl_hpc.open_run(root)
    for run in opened.realizations or (opened,):
        digest.update(np.asarray(run.observations).tobytes())
        for name in ("true", *run.job.learned):
            model = run.energy(name)
            if name != "rnn":  # its weights were read and compared; compiling it takes seconds
                digest.update(model.energies(run.observations[:4]).tobytes())
        for energy, shape in run.job.sweeps:
            curves = run.sweep(energy, shape)
            digest.update(np.array([curves.u, curves.c]).tobytes())
        if run.job.is_glass:
            digest.update(np.array([found.coupling for found in run.interactions("rnn")]).tobytes())
    return digest.hexdigest()


def interface(root: Path) -> str:
    """What the Python interface gives or says."""
    try:
        return python_interface(root)
    except UserError as error:
        return f"refused: {error}"


def ask_all(folder: Path, answers) -> None:
    """Ask all readers of a run; the work of a process of its own."""
    arguments = [str(folder / "job.toml"), "--runs", str(folder / "runs")]
    stages = [stage.name for stage in STUDIES["lattice"].stages]
    shown = asked(partial(command.main_alone, command.parser("status", ""), status, arguments))
    given = interface(folder / "runs" / "tiny")
    reported = asked(partial(command.main, command.parser("report", ""), "report", argv=arguments))
    made = asked(partial(command.main, command.parser("run", ""), *stages, argv=arguments))
    answers.send({"status": shown, "python": given, "report": reported, "run": made})


def answers_of(folder: Path) -> dict:
    """Answers of all readers; `exit` is the code of the process."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=ask_all, args=(folder, theirs))
    process.start()
    theirs.close()
    try:
        found = ours.recv()
    except EOFError:
        found = {}
    process.join()
    return found | {"exit": process.exitcode}


def verdict(path: Path, before: bytes, flipped: bytes, found: dict, reference: dict) -> tuple[str, str]:
    """Told, harmless, not told or crashed, and by what or why."""
    if found["exit"] or any(
        found[name][0] not in (0, 2) or "Traceback" in found[name][1] for name in ("status", "report", "run")
    ):
        return "crashed", f"exit code {found['exit']}"
    given = found["python"]
    if not given.startswith("refused: ") and given != reference["python"]:
        return "not told", "the Python interface gives other numbers"
    said = [f"{name}: {line.strip()}" for name in ("status", "report", "run")
            for line in found[name][1].splitlines() if any(word in line for word in WORDS)]  # fmt: skip
    said += [f"python: {given}"] if given.startswith("refused: ") else []
    if said:
        return "told", said[0]
    if path.exists() and path.read_bytes() != flipped:
        return "told", "made anew"
    if path.name.endswith(SPARE) or any(part in FOREIGN for part in path.parts):
        return "harmless", "not read"
    if path.suffix == ".json" and _same_values(before, flipped):
        return "harmless", "the same values"
    return "not told", "nobody says anything"


def _same_values(one: bytes, other: bytes) -> bool:
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


def kind(path: Path) -> str:
    """What the table calls a file."""
    if any(part in FOREIGN for part in path.parts):
        return "TensorBoard"
    return "spare .h5" if path.name.endswith(SPARE) else path.suffix


def finished(folder: Path, job: str) -> Path:
    """A folder with a job file and its finished run."""
    folder.mkdir()
    (folder / "job.toml").write_text(job)
    subprocess.run(
        [sys.executable, "-m", "dcl_hpc.run", folder / "job.toml", "--runs", folder / "runs"],
        capture_output=True, check=True,
    )  # fmt: skip
    return folder


def main() -> int:
    """Change bytes and count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=200, help="changed bytes (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="of files, places and values (default 1)")
    add_arguments(parser)
    options = parser.parse_args()
    times = 1 if options.quick else options.times
    chance, counts, wrong, examples = random.Random(options.seed), {}, [], {}
    with tempfile.TemporaryDirectory(prefix="damage_") as name:
        jobs = [TINIEST] if options.quick else [SYSTEM, ENSEMBLE]
        originals = [finished(Path(name) / f"finished_{k}", job) for k, job in enumerate(jobs)]
        trial, references = Path(name) / "trial", []
        for original in originals:
            shutil.copytree(original, trial)
            references.append(answers_of(trial))
            shutil.rmtree(trial)
            assert verdict(trial, b"", b"", references[-1], references[-1])[0] == "not told", references[-1]
        for _ in range(times):
            number = chance.randrange(len(originals))
            shutil.copytree(originals[number], trial)
            files = [path for path in sorted((trial / "runs").rglob("*")) if path.is_file()]
            path = chance.choice(files)
            before = path.read_bytes()
            place, step = chance.randrange(len(before)), chance.randrange(1, 256)
            flipped = before[:place] + bytes([(before[place] + step) % 256]) + before[place + 1 :]
            path.write_bytes(flipped)
            result, why = verdict(path, before, flipped, found := answers_of(trial), references[number])
            counts.setdefault(kind(path), Counter())[result] += 1
            where = f"{path.relative_to(trial / 'runs')}, byte {place} of {len(before)}"
            why = why.replace(f"{trial}/", "")
            examples.setdefault(f"{kind(path)} {result}", f"{where}: {why}")
            if result in ("not told", "crashed"):
                wrong.append(f"{where}: {result}, {why}")
                print(wrong[-1], found, sep="\n", file=sys.stderr, flush=True)
            shutil.rmtree(trial)
    columns = ("told", "harmless", "not told", "crashed")
    print(f"{'file':<14}" + "".join(f"{column:>10}" for column in columns))
    for what, row in sorted(counts.items()):
        print(f"{what:<14}" + "".join(f"{row[column]:>10}" for column in columns))
    total = {column.replace(" ", "_"): sum(row[column] for row in counts.values()) for column in columns}
    rows = {
        what: {column.replace(" ", "_"): row[column] for column in columns} for what, row in counts.items()
    }
    result = {"count": times, **total, "files": rows, "examples": examples, "wrong": wrong}
    finish(result, f"damage.py --times {times} --seed {options.seed}", options.json)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
