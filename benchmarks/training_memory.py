"""Peak memory of whole trainings, as the kernel tells it."""

import subprocess
import sys
import tempfile
from pathlib import Path

# A small process in between: the peak that the kernel reports includes that of the process that forked.
LAUNCHER = (
    sys.executable,
    "-c",
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
)


def peaks(shape, samples, modules) -> dict[str, float]:
    """Peak in MiB of the last of these commands, for each number of observations of a lattice."""
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder) / "job.toml"
        for n in samples:
            job.write_text(
                f'name = "n{n}"\n[lattice]\nshape = {list(shape)}\n[hamiltonian]\nkind = "ising"\n'
                f"[observe]\ntemperature = 4.0\nsamples = {n}\n"
                "[rnn]\nhidden = 8\nepochs = 1\nbatch = 2000\n[sweep]\ntemperatures = [3.0, 4.0]\n"
            )
            for module in modules:
                command = [sys.executable, "-m", f"dcl_hpc.{module}", str(job), "--runs", folder]
                answer = subprocess.run([*LAUNCHER, *command], capture_output=True, text=True, check=True)
            result[str(n)] = float(answer.stdout.split()[-1]) / 1024
    print("peak memory of training, MiB: " + ", ".join(f"{m:.0f} ({n})" for n, m in result.items()))
    return result
