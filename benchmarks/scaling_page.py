"""The page on scaling from the numbers that are kept.

    python benchmarks/scaling_page.py

Reads `benchmarks/results/scaling.json`, which `scaling.py --json` prints as its last line, and writes
`docs/scaling.md`.
"""

import json
from pathlib import Path
from textwrap import fill

ROOT = Path(__file__).resolve().parents[1]
KEPT, PAGE = ROOT / "benchmarks" / "results" / "scaling.json", ROOT / "docs" / "scaling.md"
TEXT = """# Scaling

Made by `.venv/bin/python benchmarks/scaling_page.py` from [these
numbers](../benchmarks/results/scaling.json) of `.venv/bin/{command}`
({machine}).

## The model

    seconds = (own + step * steps) * crowd + unit * work + messages + bytes / disk

`crowd` is the number of ranks that share a core, 1 on a cluster; `work` is that of the rank that has
most of it, or of the core where several share one. Each stage has three rates, which come from three
short runs on one rank, of a half and a quarter of the sizes and of narrower steps: `own` is what every
rank does once (tracing, compiling, opening files), `step` what it does at each step however little it
has, `unit` the work that is divided. The rest is counted:

| stage | steps | divided | pieces | messages |
|---|---|---|---|---|
| observe | sweeps | chains | chains | at each sweep of the pilot run |
| rnn, ednn | steps of training | rows of the batch | rows | a sum of all gradients a step, 4 bytes a weight |
| label | 1 | configurations | blocks of 4000 | of a commit, each round of blocks |
| calibrate | 1 | configurations asked about | configurations | none that count; rank 0 fits |
| evaluate | 1 | configurations of each level | configurations | none that count |
| sweep | sweeps and trial sweeps | replicas | replicas | three a sweep: all energies, and whether to stop |
| direct, report | 1 | nothing: rank 0 alone | | |

A stage that is started by itself has `start` besides: Python, MPI and TensorFlow.

## The check

{job}, one realization, short. Predicted over measured on some numbers of ranks, where measured are the
seconds that each core was in use by the ranks: other programs may have run meanwhile. Ranks that wait
spin, so an idle machine takes as long by the clock. Messages were tried on as many ranks, just before.
Where ranks share cores, an empty message takes what the system needs to hand a core over, and more in the
tries than between two pieces of work: sweeps of short steps on more ranks than cores are predicted too slow.

{check}

Horovod's timeline of these trainings, ms a step: waiting until all ranks agree that gradients are there,
and the sum of them with copies; beside it the same sum tried alone. All by the clock, with whatever else
ran.

{timeline}

## Where stages stop to scale

{cost_job} at its own sizes with its own rates, on a cluster with a core for each rank, {latency:.0f} us
and {bandwidth:.0f} Gb/s between any two ranks, {cycle:.0f} ms for Horovod's cycle, {disk:.1f} GB/s to a
file: these are assumptions. Most ranks that are used half, and what takes longest then beside the work
itself:

{limits}

What the calibration runs of `evaluate` do not tell apart from its own part counts as not divided, and so
does the fit of `calibrate`: their limits are lower bounds. Files' metadata and imports from a shared
file system are not in the model.

## A hundred nodes

{realizations} realizations of that glass by one `run` on nodes of {per_node} cores: groups of ranks
share them out, one or more ranks each.

{nodes}

{shares}
More ranks than realizations make groups of several, which pay for all that is not divided; with fewer,
every rank works on its own realization and nothing is lost but at the end. The page of the whole
ensemble, which one rank makes, is not counted.
"""


def table(head: list[str], rows: list[list]) -> str:
    """Lines of a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def page(result: dict) -> str:
    """The text by a result of `scaling.py`."""
    check, limits, cost, assumed = (result[key] for key in ("check", "limits", "cost", "assumed"))
    outputs = list(check[0]["outputs"])
    ranks = [f"on {row['ranks']}" for row in check]
    timeline = [
        [name, row["ranks"], *(f"{1e3 * times[key]:.2f}" for key in ("agreed", "summed", "tried"))]
        for row in check for name, times in row["timeline"].items()
    ]  # fmt: skip
    nodes = {n: (sum(found["hours"].values()), found["node_hours"]) for n, found in cost["nodes"].items()}
    hours = cost["nodes"][max(cost["nodes"], key=int)]["hours"]
    shares = sorted(hours.items(), key=lambda item: -item[1])
    most = ", ".join(
        f"{name} {hour / sum(hours.values()):.0%}"
        for name, hour in shares
        if hour > 0.005 * sum(hours.values())
    )
    return TEXT.format(
        command=result["command"], job=result["job"],
        machine="; beside ".join(result[key] for key in ("machine", "beside") if key in result),
        check=table(["output", *ranks, "s measured"], [
            [name, *(f"{row['outputs'][name]['ratio']:.2f}" for row in check),
             ", ".join(f"{row['outputs'][name]['measured']:.2f}" for row in check)] for name in outputs
        ]),
        timeline=table(["training", "ranks", "agreed", "summed", "tried"], timeline),
        limits=table(["output", "own / s", "step / s", "unit / s", "one rank / s", "ranks", "then"], [
            [name, *(f"{one[key]:.2g}" for key in ("own", "step", "unit")), f"{one['one_rank']:.3g}",
             one["ranks"], one["why"]] for name, one in limits.items()
        ]),
        nodes=table(["nodes", "hours", "node-hours"],
                    [[n, f"{whole:.2f}", f"{price:.1f}"] for n, (whole, price) in nodes.items()]),
        shares=fill(f"Of the time on most nodes: {most}.", 105) + "\n", cost_job=cost["job"],
        realizations=cost["realizations"],
        latency=1e6 * assumed["latency"], bandwidth=8e-9 * assumed["bandwidth"],
        cycle=1e3 * assumed["cycle"], disk=1e-9 * assumed["disk"], per_node=assumed["cores"],
    )  # fmt: skip


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(KEPT.read_text())))
