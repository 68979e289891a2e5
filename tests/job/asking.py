"""What the tests of job files ask."""

from pathlib import Path

import pytest

from dcl_hpc.errors import UserError
from dcl_hpc.job.file import load
from dcl_hpc.pipeline.lattice_study import LATTICE

REPOSITORY = Path(__file__).parents[2]


OUTPUTS = ("observe", "rnn", "label", "ednn", "evaluate", "sweep_true_6x6", "sweep_rnn_6x6", "sweep_ednn_6x6")


GLASS = (
    'hamiltonian={kind = "edwards_anderson"}',
    'sweep.energies=["true", "rnn"]',
)


def dependencies(job, output: str) -> dict:
    """What an output of a job depends on."""
    return job.dependencies(output, LATTICE.stage(output).sections(output))


def refusals(path, *overrides) -> list[str]:
    """The lines that a job with several mistakes is refused with."""
    with pytest.raises(UserError) as caught:
        load(path, overrides)
    head, *lines = str(caught.value).splitlines()
    more = int(lines[-1].split()[1]) - 1 if lines[-1].endswith(" more") else 0
    assert head == f"job file {path}: {len(lines) + more} mistakes:" and len(lines) > 1
    return [line.strip() for line in lines]


def refusal(path, *overrides) -> str:
    """The one line that a job is refused with."""
    with pytest.raises(UserError) as caught:
        load(path, overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)
