"""Show how far each stage of a job is, its jobs in Slurm, and what went wrong."""

from .pipeline import command
from .pipeline.status import status

if __name__ == "__main__":
    command.main_alone(command.parser("status", __doc__, alone=True), status)
