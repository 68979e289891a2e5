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

# How often Slurm may start an unfinished stage again, at time limits and after lost nodes.
export DCL_MAX_RESTARTS=${DCL_MAX_RESTARTS:-20}

# srun does not take this over from sbatch.
export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}

# dcl_stage MODULE [ARGUMENTS]: run one stage under srun inside a batch job. An element of an array works on
# one realization of an ensemble, or makes one of the sweeps of a single system. A stage that was asked to
# stop (USR1 ahead of the time limit) saves its work and exits with 85; the job is then requeued and
# goes on where it was.
dcl_stage() {
    local python=${DCL_PYTHON:-.venv/bin/python} id=$SLURM_JOB_ID pid code asked='' cancelled=''
    if [ -n "${SLURM_ARRAY_JOB_ID:-}" ]; then
        id=${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}
        set -- "$@" "--index=$SLURM_ARRAY_TASK_ID"
    fi
    srun --mpi="$DCL_SRUN_MPI" --kill-on-bad-exit=1 --open-mode=append "$python" -m "dcl_hpc.$1" "${@:2}" &
    pid=$!
    trap 'asked=1; kill -USR1 "$pid" 2>/dev/null' USR1
    # scancel: the work is saved, too, but the job shall not come back
    trap '[ -n "$asked" ] || cancelled=1; kill -USR1 "$pid" 2>/dev/null' TERM
    wait "$pid"; code=$?
    while [ "$code" -gt 128 ] && kill -0 "$pid" 2>/dev/null; do wait "$pid"; code=$?; done
    if [ "$code" = 85 ] && [ -z "$cancelled" ]; then
        if [ "${SLURM_RESTART_COUNT:-0}" -lt "$DCL_MAX_RESTARTS" ]; then
            trap - TERM
            scontrol requeue "$id" && sleep 120    # Slurm ends this script
        else
            echo "dcl_hpc: error: not finished after $DCL_MAX_RESTARTS restarts; submit again to go on, or" \
                "set DCL_MAX_RESTARTS" >&2
        fi
    fi
    return "$code"
}
