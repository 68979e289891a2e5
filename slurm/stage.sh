#!/bin/bash
# One stage, or with `run` all of them in one allocation:   sbatch slurm/stage.sh STAGE [JOB.toml] [--set section.key=value ...]
# STAGE is observe, train, label, calibrate, evaluate, check, sweep, report or run; of a thermal study thermalize,
# replicate, train, analyse, report or run. sbatch options such as --ntasks=64 go before the script.
#SBATCH --job-name=dcl-stage
#SBATCH --ntasks=4
#SBATCH --cpus-per-task=1
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.out
cd "${SLURM_SUBMIT_DIR:?submit with sbatch from the folder of the repository}" || exit 1
source slurm/env.sh
dcl_stage "$@"
