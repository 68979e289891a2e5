#!/bin/bash
# All stages of a job in one allocation, realizations of an ensemble shared out to the ranks:
#   sbatch slurm/ensemble.sh [JOB.toml] [--set section.key=value ...]
#SBATCH --job-name=dcl-ensemble
#SBATCH --ntasks=16
#SBATCH --cpus-per-task=1
#SBATCH --time=12:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.out
cd "${SLURM_SUBMIT_DIR:?submit with sbatch from the folder of the repository}" || exit 1
source slurm/env.sh
dcl_stage run "$@"
