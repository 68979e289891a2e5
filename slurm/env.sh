# Site settings and run-time settings; sourced by install.sh, the Makefile and every script in slurm/.
# Set account, partition and modules of your cluster here, or export them before sbatch:
#   export SBATCH_ACCOUNT=... SBATCH_PARTITION=...
#   module load gcc openmpi hdf5-mpi
# shellcheck shell=bash

# How Slurm starts MPI ranks; "srun --mpi=list" shows what your Slurm offers.
export DCL_SRUN_MPI=${DCL_SRUN_MPI:-pmix}

# Open MPI. Root (containers, CI) and more ranks than cores (tests) are allowed; ranks are not bound to
# single cores, since training uses several threads; waiting ranks give their core away.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_mpi_yield_when_idle=1
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-2}
