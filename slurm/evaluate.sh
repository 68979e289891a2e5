#!/bin/bash
# Compare learned and true energies on every energy level:   sbatch slurm/evaluate.sh [JOB.toml] [--set section.key=value ...]
#SBATCH --job-name=dcl-evaluate
#SBATCH --ntasks=4
#SBATCH --cpus-per-task=4
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.out
cd "${SLURM_SUBMIT_DIR:?submit with sbatch from the folder of the repository}" || exit 1
source slurm/env.sh
dcl_stage evaluate "$@"
