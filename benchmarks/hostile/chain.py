"""All stages of both studies, small: what is there before each, and what each makes undisturbed."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from dcl_hpc.storage import identity
from dcl_hpc.storage.documents import read_json
from dcl_hpc.storage.progress import progress

BEGIN = """\
lattice.shape = [6, 6]
hamiltonian.kind = "ising"
observe = { temperature = 3.0, samples = 4000, chains = 50, thermalization = 100, thin = 2 }
levels = { per_level = 2, max_sweeps = 1000 }
"""
END = """\
[sweep]
energies = ["true", "ednn"]
temperatures = [2.0, 3.0, 4.0]
ladders = 3
thermalization = 400
sweeps = 160
"""
DIRECT = f"""\
name = "direct"
{BEGIN}
ednn.fit = "clusters"
{END}"""
EXCHANGE = DIRECT.replace('"direct"', '"exchange"').replace("thin = 2", "thin = 2, exchange.hottest = 6.0")
LATTICE = f"""\
name = "lattice"
{BEGIN}
rnn = {{ hidden = 4, epochs = 3, batch = 200, validations = 3 }}
labels.count = 800
ednn = {{ hidden = [4], epochs = 3, batch = 200, validations = 3 }}
{END}"""
THERMAL = """\
study = "thermal"
name = "thermal"
machine = { depth = 3, width = 3, images = 5 }
data.test = 20
dynamics = { steps = 400, waiting = [0, 30], points = 8, temperature = 1e-4 }
samples = { samples = 2, replicas = 2, waiting = 30 }
training.epochs = 3
"""
HURRIED = str(Path(__file__).with_name("hurried.py"))
# What of an unfinished file counts up to its committed row.
ROWS = ("observations/", "validation/", "series/")
JOBS = {"direct": DIRECT, "exchange": EXCHANGE, "lattice": LATTICE, "thermal": THERMAL}


@dataclass(frozen=True)
class Step:
    """One command of a chain.

    Attributes
    ----------
    study, stage : str
    more : tuple of str
        Arguments.
    """

    study: str
    stage: str
    more: tuple[str, ...] = ()

    @property
    def quick(self) -> bool:
        """Whether neither it nor those before it import TensorFlow, which takes seconds."""
        return self.study in ("direct", "exchange")

    @property
    def name(self) -> str:
        """Of its folder."""
        return "-".join((self.study, self.stage, *self.more[1:]))


STEPS = (
    Step("direct", "observe"),
    Step("direct", "train", ("--network", "ednn")),
    Step("direct", "evaluate"),
    Step("direct", "sweep", ("--energy", "true")),
    Step("direct", "sweep", ("--energy", "ednn")),
    Step("direct", "report"),
    Step("exchange", "observe"),
    Step("lattice", "observe"),
    Step("lattice", "train", ("--network", "rnn")),
    Step("lattice", "label"),
    Step("lattice", "train", ("--network", "ednn")),
    Step("lattice", "calibrate"),
    Step("lattice", "evaluate"),
    Step("lattice", "sweep", ("--energy", "true")),
    Step("lattice", "sweep", ("--energy", "ednn")),
    Step("lattice", "report"),
    Step("thermal", "thermalize"),
    Step("thermal", "replicate"),
    Step("thermal", "train"),
    Step("thermal", "analyse"),
    Step("thermal", "report"),
)


class Chain:
    """Folders before and after each step, made without interruption on one rank when first asked for.

    Parameters
    ----------
    folder : Path
    make : callable (step, runs) -> trial.Answer
        Runs a command.
    """

    def __init__(self, folder: Path, make: Callable):
        self.folder, self._make = folder, make
        for study, text in JOBS.items():
            (folder / f"{study}.toml").write_text(text)

    def arguments(self, step: Step, runs: Path) -> list[str]:
        """Arguments of the command of a step."""
        return [str(self.folder / f"{step.study}.toml"), "--runs", str(runs), *step.more]

    def before(self, step: Step) -> Path | None:
        """What is there before a step: all that its study has made until then; None for the first one."""
        earlier = [one for one in STEPS[: STEPS.index(step)] if one.study == step.study]
        return self.after(earlier[-1]) if earlier else None

    def after(self, step: Step) -> Path:
        """What is there after it."""
        made = self.folder / "after" / step.name
        if not made.exists():
            runs = self.folder / "runs" / step.name
            self.begin(step, runs)
            answer = self._make(step, runs)
            if answer.code:
                raise RuntimeError(f"{step.name}: {answer.out}")
            made.parent.mkdir(exist_ok=True)
            runs.rename(made)
        return made

    def begin(self, step: Step, runs: Path) -> None:
        """Put into an empty folder what is there before a step."""
        shutil.rmtree(runs, ignore_errors=True)
        if (before := self.before(step)) is None:
            runs.mkdir(parents=True)
        else:
            shutil.copytree(before, runs)

    def wrong(self, step: Step, runs: Path, finished: bool) -> str | None:
        """What a folder has that the undisturbed run has not: complete files of other content, and remains.

        Parameters
        ----------
        finished : bool
            Whether all has to be there.
        """
        reference = self.after(step)
        for path in sorted(reference.rglob("*")):
            relative = path.relative_to(reference)
            mine = runs / relative
            if ".previous" in path.name or path.suffix not in (".h5", ".json"):
                continue
            if not mine.exists():
                if finished:
                    return f"{relative} is missing"
                continue
            if path.suffix == ".json":
                read_json(mine)
                continue
            sealed = identity.read_seal(mine) is not None
            if finished and not sealed:
                return f"{relative} is not complete"
            if sealed:
                identity.verify(mine)
            if differ := different(mine, path):
                return f"{relative}: {differ} differs"
        left = [path.name for path in runs.rglob(".*") if ".tmp." in path.name or ".lock" in path.name]
        return f"left over: {left}" if left and finished else None


def committed(runs: Path) -> dict[Path, int]:
    """How far each file is."""
    files = [path for path in sorted(runs.rglob("*.h5")) if ".previous" not in path.name]
    return {path: progress(path).done for path in files}


def different(one: Path, two: Path) -> str | None:
    """The first data set in which two files differ, of which the first may be unfinished.

    Of a training the curve counts, to rounding, as energies of the RNN do.
    """
    with h5py.File(one, "r", locking=False) as first, h5py.File(two, "r", locking=False) as second:
        names = []
        second.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        training = "history" in second and len(second["history"])
        share = int(first["progress/committed"][0]) / int(first.attrs["total"])
        complete = share >= 1
        for name in names if complete else [name for name in names if name.startswith(ROWS)]:
            kind = name.partition("/")[0]
            if kind in ("progress", "checkpoint") or (training and kind != "history"):
                continue
            if name not in first or first[name].shape != second[name].shape:
                return name
            # some data sets have a row for every few units only
            rows = slice(int(share * first[name].shape[0])) if first[name].shape else ()
            a, b = (file[name][rows] for file in (first, second))
            # of other batches, on another number of ranks
            rounded = training or name.endswith("/rnn") or one.parts[-2:] == ("calibration", "rnn.h5")
            if rounded and not np.allclose(a, b, rtol=1e-3, atol=1e-5):
                return name
            if not rounded and a.tobytes() != b.tobytes():
                return name
    return None
