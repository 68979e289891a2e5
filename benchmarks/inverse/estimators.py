"""Estimators of pair couplings that others wrote, each as its documentation says; without dcl_hpc.

    PYTHON estimators.py                                      # versions of those that PYTHON has
    PYTHON estimators.py NAME SNAPSHOTS.npy FOLDER SECONDS    # fit; results go to FOLDER

Snapshots are states 0 and 1, uint8 (n, n_sites). Results are K and h of the law
P(s) ~ exp(sum_{i<j} K_ij s_i s_j + sum_i h_i s_i) with s = 2 q - 1, which is a two-state Potts model in its
zero-sum gauge, and the seconds of one core that the fit took.
"""

import json
import resource
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np

# Steps between saved states of adabmDCA, of which the last is taken when time is over.
STEPS = 10
# Agreement of pair correlations that adabmDCA stops at by default, and one that it does not reach.
TARGET, NEVER = 0.95, 0.9999


def zero_sum(couplings: np.ndarray, fields: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """K (n, n) and h (n,) of a two-state Potts model's couplings (n, 2, n, 2) and fields (n, 2)."""
    j, f = couplings, fields
    k = (j[:, 0, :, 0] - j[:, 0, :, 1] - j[:, 1, :, 0] + j[:, 1, :, 1]) / 4
    one = (j[:, 1, :, 1] + j[:, 1, :, 0] - j[:, 0, :, 1] - j[:, 0, :, 0]) / 4
    return k, (f[:, 1] - f[:, 0]) / 2 + one.sum(axis=1)


def adabmdca(states: np.ndarray, folder: Path, seconds: float):
    """Boltzmann learning by adabmDCA with its defaults, and the same training for as long as time allows.

    Snapshots are independent of each other, so they are not reweighted.
    """
    import torch
    from adabmDCA import load_model
    from adabmDCA.api.exceptions import OperationCancelledError
    from adabmDCA.api.training import train_model

    torch.set_num_threads(1)
    data, params, chains = (folder / name for name in ("snapshots.fasta", "params.dat", "chains.fasta"))
    letters = np.array(["A", "C"])[states]
    data.write_text("".join(f">{k}\n{''.join(row)}\n" for k, row in enumerate(letters)))
    started = time.process_time()
    for name, target in (("adabmDCA", TARGET), ("adabmDCA, all the time", NEVER)):
        earlier = {"initial_params_path": params, "initial_chains_path": chains} if params.exists() else {}
        try:
            train_model(
                data, alphabet="AC", target_pearson=target, no_reweighting=True, device="cpu",
                output_dir=folder, checkpoint_interval=STEPS,
                is_cancelled=lambda: time.process_time() - started > seconds, **earlier,
            )  # fmt: skip
            ended = True
        except OperationCancelledError:
            ended = False
        spent = time.process_time() - started
        if not params.exists():  # time was over before anything was saved
            return
        model = load_model(params, alphabet="AC", device="cpu").params
        if ended or name != "adabmDCA":
            yield name, *zero_sum(model["coupling_matrix"].numpy(), model["bias"].numpy()), spent


def pyplm(states: np.ndarray, folder: Path, seconds: float):
    """Pseudo-likelihood by logistic regressions without regularization, by PyPLM."""
    from pyplm.inference import multimodel_inf

    spins, started = 2.0 * states[None] - 1, time.process_time()
    found = multimodel_inf(spins, 1, 0)[0][0]
    yield "PyPLM", found, found.diagonal().copy(), time.process_time() - started


def plgpm(states: np.ndarray, folder: Path, seconds: float):
    """Pseudo-likelihood with an elastic net, by plgpm with its defaults."""
    from plgpm import PLGPM, PLGPMConfig

    n, started = states.shape[1], time.process_time()
    model = PLGPM([2] * n, PLGPMConfig(n_jobs=1, verbose=False)).fit(states.astype(int))
    spent = time.process_time() - started
    couplings, fields = np.zeros((n, 2, n, 2)), np.zeros((n, 2))
    for i, (regression, mask) in enumerate(model.models):
        couplings[i, 1].reshape(-1)[mask] = regression.coef_[0]
        fields[i, 1] = regression.intercept_[0]
    yield "plgpm", *zero_sum(couplings, fields), spent


# Estimators, each with the package on PyPI that it takes.
ESTIMATORS = {
    "adabmDCA": (adabmdca, "adabmDCA"),
    "PyPLM": (pyplm, "pseudolm"),
    "plgpm": (plgpm, "plgpm"),
}


def versions() -> dict[str, str]:
    """Versions of the packages of those estimators that are installed."""
    found = {}
    for name, (_, package) in ESTIMATORS.items():
        try:
            found[name] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def main() -> None:
    if len(sys.argv) == 1:
        print(json.dumps(versions()))
        return
    name, snapshots, folder, seconds = sys.argv[1:]
    states, folder, limit = np.load(snapshots), Path(folder), float(seconds)
    most = int(2 * limit + 60)  # what has no end of its own is killed then
    resource.setrlimit(resource.RLIMIT_CPU, (most, most + 60))
    for found, couplings, fields, spent in ESTIMATORS[name][0](states, folder, limit):
        symmetric = (couplings + couplings.T) / 2
        np.fill_diagonal(symmetric, 0)
        np.savez(folder / f"{found}.npz", couplings=symmetric, fields=fields, seconds=spent)


if __name__ == "__main__":
    main()
