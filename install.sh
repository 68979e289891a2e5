#!/usr/bin/env bash
# Set up dcl_hpc in ./.venv (or the folder given as argument); safe to run again at any time.
#
#   ./install.sh [VENV]
#   ./install.sh --without-horovod     training averages its gradients by mpi4py (also WITHOUT_HOROVOD=1)
#   PYTHON=python3.12 ./install.sh     another interpreter (CPython 3.11 to 3.13)
#   GPU=1 ./install.sh                 TensorFlow with CUDA, Horovod over NCCL
#
# For snapshots on one's own machine "pip install ." is enough: no MPI, no compiler, no root.
#
# On Debian and Ubuntu the missing system packages are installed with apt (root or sudo). On a cluster
# login node load modules for a C++ compiler, CMake, MPI and parallel HDF5 first; nothing then needs root.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
venv=.venv
for argument in "$@"; do
    case $argument in
        --without-horovod) WITHOUT_HOROVOD=1 ;;
        -*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' install.sh >&2; exit 2 ;;
        *) venv=$argument ;;
    esac
done
venv=$(realpath -m "$venv")
was() { grep -qs "^gpu=$1 without_horovod=$2 " "$venv/.installed" && echo 1 || echo 0; }
gpu=${GPU:-$(was 1 .)} without_horovod=${WITHOUT_HOROVOD:-$(was . 1)}    # as last time, if not given
export PIP_CONSTRAINT="$here/constraints.txt" PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
# shellcheck source=slurm/env.sh
source slurm/env.sh

step() { printf '\n==> %s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 2; }
have() { command -v "$1" >/dev/null 2>&1; }
vpy() { "$venv/bin/python" "$@"; }
vpip() { vpy -m pip "$@"; }

# --- system packages ------------------------------------------------------------------------------
debian_packages=(openmpi-bin libopenmpi-dev libhdf5-openmpi-dev g++ make cmake pkg-config python3-venv python3-dev shellcheck)
missing_packages() {
    local p
    for p in "${debian_packages[@]}"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
    done
}
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
can_apt() { have apt-get && have dpkg-query && { [ -z "$as_root" ] || $as_root true 2>/dev/null; }; }

step "System packages: compiler, CMake, MPI, parallel HDF5"
if can_apt; then
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} -gt 0 ]; then
        echo "installing ${missing[*]}"
        $as_root apt-get update -qq
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    fi
else
    echo "no root or apt: using what is in PATH and in the loaded modules"
fi

# Parallel HDF5: a module's root folder, Debian's pkg-config entry, or the h5pcc compiler wrapper.
hdf5_env=()
for root in "${HDF5_DIR:-}" "${HDF5_ROOT:-}" "${HDF5_HOME:-}" "${EBROOTHDF5:-}"; do
    if [ ${#hdf5_env[@]} = 0 ] && [ -n "$root" ]; then hdf5_env=("HDF5_DIR=$root"); fi
done
if [ ${#hdf5_env[@]} = 0 ] && have pkg-config && pkg-config --exists hdf5-openmpi; then
    hdf5_env=("HDF5_PKGCONFIG_NAME=hdf5-openmpi")
fi
if [ ${#hdf5_env[@]} = 0 ] && have h5pcc; then
    hdf5_env=("HDF5_DIR=$(dirname "$(dirname "$(command -v h5pcc)")")")
fi
mpicc=$(command -v mpicc.openmpi || command -v mpicc || true)
lacking=()
have g++ || have c++ || lacking+=("a C++ compiler (module gcc; package g++)")
[ -n "$mpicc" ] || lacking+=("MPI with its compiler wrapper mpicc (module openmpi; packages openmpi-bin libopenmpi-dev)")
[ ${#hdf5_env[@]} -gt 0 ] || lacking+=("HDF5 built with MPI (module hdf5-mpi or phdf5, or set HDF5_DIR; package libhdf5-openmpi-dev)")
if [ ${#lacking[@]} -gt 0 ]; then
    printf 'install.sh: missing: %s\n' "${lacking[@]}" >&2
    fail "load these modules or have the packages installed, then run ./install.sh again"
fi
echo "MPI: $mpicc; HDF5: ${hdf5_env[*]}"

# --- virtual environment ----------------------------------------------------------------------------
step "Virtual environment $venv"
if [ ! -x "$venv/bin/python" ]; then
    python=${PYTHON:-}
    for candidate in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
        [ -n "$python" ] && break
        have "$candidate" && "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && python=$candidate
    done
    [ -n "$python" ] || fail "no CPython 3.11 to 3.13 found; load a python module or set PYTHON=/path/to/python"
    "$python" -m venv "$venv"
fi
vpy --version

# What is installed depends on these files alone: an unchanged stamp means there is nothing to do.
# Its last line says what averages gradients.
stamp="$venv/.installed"
wanted=$(cat install.sh constraints.txt setup.cfg
    echo "gpu=$gpu without_horovod=$without_horovod mpicc=$mpicc ${hdf5_env[*]}")
if [ -f "$stamp" ] && [ "$(sed '$d' "$stamp")" = "$wanted" ]; then
    echo "up to date ($(tail -n 1 "$stamp"))"
    exit 0
fi

step "Build tools and mpi4py"
vpip install -q pip setuptools wheel packaging Cython pkgconfig numpy
if "$mpicc" --showme:version 2>/dev/null | grep -q "Open MPI"; then
    vpip install -q mpi4py
else    # the wheel is for Open MPI's and MPICH's usual library names: compile for a vendor's MPI
    MPICC=$mpicc vpip install -q --no-binary mpi4py mpi4py
fi

step "h5py on the MPI-enabled HDF5 (compiled here)"
if ! vpy -c 'import h5py, sys; sys.exit(not h5py.get_config().mpi)' 2>/dev/null; then
    env CC="$mpicc" HDF5_MPI=ON "${hdf5_env[@]}" \
        "$venv/bin/python" -m pip install -q --no-cache-dir --force-reinstall --no-build-isolation --no-deps --no-binary h5py h5py
fi

step "TensorFlow and the other packages"
networks=networks
[ "$gpu" = 1 ] && networks=gpu
vpip install -q --no-build-isolation -e ".[$networks,mpi,test,benchmark]"

step "Horovod with MPI for TensorFlow (compiled here, a few minutes)"
horovod_works() { CUDA_VISIBLE_DEVICES=-1 vpy -c 'import horovod.tensorflow as hvd, sys; sys.exit(not (hvd.mpi_built() and (not int(sys.argv[1]) or hvd.nccl_built())))' "$gpu" >/dev/null 2>&1; }
build_horovod() (
    set -e
    vpip install -q cloudpickle psutil PyYAML    # what Horovod imports
    build=$(mktemp -d)
    trap 'rm -rf "$build"' EXIT
    vpip download -q --no-deps --no-build-isolation --no-binary horovod -d "$build" horovod
    mkdir "$build/src"
    tar -xzf "$build"/horovod-*.tar.gz -C "$build/src" --strip-components=1
    pushd "$build/src" >/dev/null
    # TensorFlow 2.19 dropped headers that Horovod's optional XLA operations include.
    sed -i '/xla_mpi_ops\.cc/d' horovod/tensorflow/CMakeLists.txt
    # Gloo is declared twice; only the C++17 copy is linked.
    sed -i 's#^    add_subdirectory(third_party/gloo)#    add_subdirectory(third_party/gloo EXCLUDE_FROM_ALL)#' CMakeLists.txt
    options=(HOROVOD_WITH_TENSORFLOW=1 HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_MXNET=1 HOROVOD_WITH_MPI=1
        HOROVOD_WITH_GLOO=1 CUDA_VISIBLE_DEVICES=-1 CMAKE_POLICY_VERSION_MINIMUM=3.5 MAKEFLAGS="-j${JOBS:-$(nproc)}"
        CXXFLAGS="-w -include stdexcept -include string -include cstdint")
    if [ "$gpu" = 1 ]; then
        # TensorFlow 2.21 no longer exports AsGpuStreamValue: take the CUDA stream from its public accessor.
        sed -i -e '/^GpuStreamHandle AsGpuStreamValue(Stream\* stream);/d' \
            -e 's|^#include "tensorflow/compiler/xla/stream_executor/stream.h"|&\nnamespace stream_executor { namespace gpu { inline GpuStreamHandle AsGpuStreamValue(Stream* s) { return static_cast<GpuStreamHandle>(s->platform_specific_handle().stream); } } }|' \
            horovod/tensorflow/mpi_ops.cc
        cuda=${CUDA_HOME:-}
        if [ -z "$cuda" ]; then    # no toolkit named: a compiler from PyPI, for this build only
            vpip install -q --no-deps --target "$build/cuda" nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 \
                nvidia-cuda-crt==13.0.88 nvidia-cuda-runtime==13.0.96 'nvidia-cuda-cccl<13.1'
            cuda=$build/cuda/nvidia/cu13
            ln -sfn lib "$cuda/lib64"
            ln -sfn libcudart.so.13 "$cuda/lib/libcudart.so"
        fi
        nccl=$(vpy -c 'import nvidia.nccl as nccl; print(list(nccl.__path__)[0])')
        ln -sfn libnccl.so.2 "$nccl/lib/libnccl.so"
        options+=(PATH="$cuda/bin:$PATH" CUDAToolkit_ROOT="$cuda" CUDACXX="$cuda/bin/nvcc" HOROVOD_CUDA_HOME="$cuda"
            HOROVOD_GPU_OPERATIONS=NCCL HOROVOD_NCCL_HOME="$nccl" HOROVOD_NCCL_LINK=SHARED
            HOROVOD_BUILD_CUDA_CC_LIST="${CUDA_CC:-70,80,90}")
    fi
    env "${options[@]}" "$venv/bin/python" -m pip install -q --no-cache-dir --no-build-isolation --no-deps .
    popd >/dev/null
)
backend="training by Horovod"
if [ "$without_horovod" = 1 ]; then
    echo "left out"
    backend="training by mpi4py"
elif ! horovod_works; then
    set +e    # what fails in there ends that alone
    build_horovod >"$venv/horovod.log" 2>&1
    set -e
    if ! horovod_works; then
        why="see $venv/horovod.log"
        have cmake && have make || why="it needs CMake and make: modules or packages cmake, make"
        echo "Horovod could not be built ($why; remove $stamp to try again): training will use mpi4py"
        backend="training by mpi4py, since Horovod could not be built"
    fi
fi

step "Self-check"
vpip check
CUDA_VISIBLE_DEVICES=-1 vpy - "$backend" <<'PY'
import sys

import h5py
from dcl_hpc import networks
networks.start()
import tensorflow
assert h5py.get_config().mpi, "h5py is not built with MPI"
nccl = ""
if sys.argv[1].endswith("Horovod"):
    import horovod.tensorflow as hvd
    assert hvd.mpi_built(), "Horovod is not built with MPI"
    nccl = f", NCCL {'yes' if hvd.nccl_built() else 'no'}"
print(f"parallel HDF5 {h5py.version.hdf5_version}; TensorFlow {tensorflow.__version__}; {sys.argv[1]}{nccl}")
PY
mpiexec -n 2 "$venv/bin/python" -c '
from mpi4py import MPI
comm = MPI.COMM_WORLD
assert comm.size == 2 and comm.allreduce(comm.rank) == 1, "mpiexec and mpi4py use different MPI libraries"
if comm.rank == 0: print("2-rank allreduce works:", MPI.Get_library_version().split(",")[0])'
printf '%s\n' "$wanted" "$backend" > "$stamp"
printf '\nReady. Try: make demo\n'
