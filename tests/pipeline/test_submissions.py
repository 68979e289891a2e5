"""What a submission keeps."""

import numpy as np

from dcl_hpc.job import file as jobs
from dcl_hpc.pipeline.run import Run
from dcl_hpc.pipeline.submissions import _keep_job, kept_job

JOB = """\
name = "kept"
lattice = { shape = [4, 4], absent = "holes.npy" }
hamiltonian = { kind = "edwards_anderson", couplings = "own.txt" }
observe.temperature = 3.0
sweep = { temperatures = [2.0, 3.0], energies = ["true"] }
"""


def test_files_that_the_job_names_are_kept(tmp_path):
    """The job file that was kept gives the same job when the files beside the first one are gone."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    np.save(folder / "holes.npy", np.eye(4, dtype=bool)[:, ::-1])
    np.savetxt(folder / "own.txt", np.arange(24).reshape(12, 2))
    (folder / "job.toml").write_text(JOB)
    job, text = jobs.load(folder / "job.toml")
    run = Run(job, text, str(folder / "job.toml"), tmp_path / "runs", 1)
    run.root.mkdir(parents=True)
    _keep_job(run)
    for path in folder.iterdir():
        path.unlink()
    assert jobs.load(kept_job(run))[0] == job
