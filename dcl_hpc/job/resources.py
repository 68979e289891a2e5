"""What a stage asks Slurm for, as a job file describes it; no result depends on it."""

from typing import Annotated

from pydantic import Field

from .section import Section

Number = Annotated[int, Field(ge=1, le=1_000_000)]


class Resources(Section):
    """What a stage asks Slurm for; what is left out is the stage's own."""

    ranks: Number | None = Field(None, description="MPI ranks")
    threads: Number | None = Field(None, description="cores of each rank")
    memory: str | None = Field(
        None,
        pattern=r"^[1-9][0-9]{0,9}[KMGT]?$",
        description="memory of each core, e.g. 4G; megabytes without a letter",
    )
    time: str | None = Field(
        None, pattern=r"^([0-9]{1,9}(:[0-5][0-9]){0,2}|[0-9]{1,6}-[0-9]{1,2}(:[0-5][0-9]){0,2})$",
        description="limit as Slurm takes it: MINUTES, HH:MM:SS or DAYS-HH:MM:SS",
    )  # fmt: skip
    gpus: Annotated[int, Field(ge=0, le=100_000)] | None = Field(
        None, description="GPUs of all ranks together"
    )

    @property
    def sbatch(self) -> list[str]:
        """Options of sbatch."""
        names = {
            "ntasks": self.ranks,
            "cpus-per-task": self.threads,
            "mem-per-cpu": self.memory,
            "time": self.time,
            "gpus": self.gpus or None,
        }
        return [f"--{name}={value}" for name, value in names.items() if value is not None]
