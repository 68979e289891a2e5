#!/bin/bash
# Predict all temperatures:   sbatch [--array=0-3] slurm/sweep.sh [JOB.toml] [--set section.key=value ...]
#SBATCH --job-name=dcl-sweep
#SBATCH --ntasks=16
#SBATCH --cpus-per-task=1
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.out
cd "${SLURM_SUBMIT_DIR:?submit with sbatch from the folder of the repository}" || exit 1
source slurm/env.sh
dcl_stage sweep "$@"
