"""Distribution-consistent learning of lattice models on HPC clusters.

Snapshots of a system at one temperature go in; an energy model that predicts every
temperature and, with the EDNN, every size comes out.

    import dcl_hpc

    run = dcl_hpc.open_run("runs/demo")
    run.observations[:10]                               # configurations, uint8 (10, 6, 6)
    run.energy("ednn", shape=(32, 32)).energies(array)  # in J
    run.sweep("ednn", (12, 12)).u                       # energy per site at run.sweep(...).temperature
    run.interactions()

Importing this package imports nothing else: names below come from their modules when they are asked for.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .energy.checked import CheckedEnergy
    from .errors import UserError
    from .job.study import Job
    from .reporting.curves import SweepCurves
    from .reporting.interactions import Interaction, InteractionTable
    from .reporting.opened import OpenedRun, open_run, start
    from .storage.observations import Observations

__version__ = "0.1.0"

__all__ = [
    "CheckedEnergy",
    "Interaction",
    "InteractionTable",
    "Job",
    "Observations",
    "OpenedRun",
    "SweepCurves",
    "UserError",
    "open_run",
    "start",
]

_MODULES = {
    "CheckedEnergy": "energy.checked",
    "Interaction": "reporting.interactions",
    "InteractionTable": "reporting.interactions",
    "Job": "job.study",
    "Observations": "storage.observations",
    "OpenedRun": "reporting.opened",
    "SweepCurves": "reporting.curves",
    "UserError": "errors",
    "open_run": "reporting.opened",
    "start": "reporting.opened",
}


if sys.argv[:1] == ["-m"] and any(word.startswith(f"{__name__}.") for word in sys.orig_argv):
    # Python is about to run a command of this package: its imports take long enough to be interrupted
    import_module(".cluster.interruption", __name__).hear()


def __getattr__(name: str):
    """Names of `__all__`, imported when first asked for (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
