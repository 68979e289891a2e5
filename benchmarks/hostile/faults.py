"""Calls of the system that fail: the library of faults.c, and the plan that it follows."""

import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")
FORM = struct.Struct("@4l")


class Faults:
    """What is to fail below a folder, in all processes that were started with `environment`.

    Parameters
    ----------
    plan : Path
        The file that these processes share; made if it is not there.
    """

    def __init__(self, plan: Path):
        self.plan = plan
        if not plan.exists():
            plan.write_bytes(bytes(FORM.size))
        with plan.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), FORM.size)

    def set(self, first: int = 0, error: int = 0, lasting: bool = False) -> None:
        """From now on fail the call of this number (0: none) and, if `lasting`, all later ones."""
        FORM.pack_into(self._map, 0, 0, first, error, lasting)

    @property
    def calls(self) -> int:
        """How many there were since."""
        return FORM.unpack_from(self._map)[0]


def environment(folder: Path, scratch: Path) -> dict[str, str]:
    """Variables of processes whose calls below a folder can fail; none where there is no C compiler."""
    library = scratch / "faults.so"
    compiler = shutil.which("cc")
    if compiler is None:
        return {}
    if not library.exists():
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    plan = scratch / "plan"
    Faults(plan)
    return {"LD_PRELOAD": str(library), "FAULTS_FOLDER": os.path.realpath(folder), "FAULTS_PLAN": str(plan)}
