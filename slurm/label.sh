#!/bin/bash
# Label configurations with the RNN:   sbatch slurm/label.sh [JOB.toml] [--set section.key=value ...]
#SBATCH --job-name=dcl-label
#SBATCH --ntasks=4
#SBATCH --cpus-per-task=4
#SBATCH --time=02:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.out
cd "${SLURM_SUBMIT_DIR:?submit with sbatch from the folder of the repository}" || exit 1
source slurm/env.sh
dcl_stage label "$@"
