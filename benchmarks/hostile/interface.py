"""All that the Python interface gives of a run."""

import hashlib
from pathlib import Path

import numpy as np

import dcl_hpc
from dcl_hpc.errors import UserError


def interface(root: Path) -> str:
    """Digest of what it gives, or what it says."""
    try:
        return _digest(root)
    except UserError as error:
        return f"refused: {error}"


def _digest(root: Path) -> str:
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
