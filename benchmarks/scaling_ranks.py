"""What each rank of `scaling.py` does: all outputs of a job, timed, and what messages take.

    mpiexec -n RANKS python benchmarks/scaling_ranks.py JOB --runs FOLDER --began TIME [--set ...]

Rank 0 prints the seconds of each output, and of messages, as one line of JSON.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scaling_model import cores

from dcl_hpc import networks, storage
from dcl_hpc.cluster import mpi, startup
from dcl_hpc.cluster.log import Log
from dcl_hpc.cluster.signals import StopRequest
from dcl_hpc.pipeline.command import load_run
from dcl_hpc.pipeline.context import Context
from dcl_hpc.storage import weights
from dcl_hpc.storage.store import Store

# Messages of the tries, in numbers of 8 bytes, and how often each is sent.
MESSAGES, TRIES = (1, 2**17), (2000, 100)


def rank_work(options) -> None:
    """On each rank: make all outputs of a job; tell how long each and messages took."""

    def work(comm):
        storage.require_parallel(comm)
        startup.prepare(comm)
        run = mpi.on_root(comm, load_run, options, comm.size)
        run = replace(run.realizations[0], ranks=comm.size) if run.realizations else run
        if run.job.trains_networks:
            networks.start()
        comm.Barrier()
        seconds = {"start": (time.time() - options.began, of_cores(comm, time.process_time()))}
        timelines = {}
        wires = measured_wires(comm, run.job.trains_networks)
        context = Context(run, comm, Log(1), StopRequest(listen=False))
        for output in run.outputs:
            timeline = run.folder / f"{output}.timeline"
            os.environ["HOROVOD_TIMELINE"] = str(timeline)
            comm.Barrier()
            started, spent = time.monotonic(), time.process_time()
            context.perform(output)
            comm.Barrier()
            seconds[output] = time.monotonic() - started, of_cores(comm, time.process_time() - spent)
            if timeline.exists():
                timelines[output] = timed_sums(timeline)
        if comm.rank == 0:
            print(json.dumps({"seconds": seconds, "found": told(run), **wires, "timeline": timelines}))

    mpi.run(work)


def of_cores(comm, used: float) -> float:
    """Seconds that cores were in use, by the time that each rank had of them.

    It is what a machine takes that has nothing else to do: ranks that wait spin.
    """
    every = comm.allgather(used)
    return max(max(every), sum(every) / cores())


def told(run) -> dict:
    """What only a run tells of its loads: sweeps between records, temperatures, bytes of gradients."""
    gradient = {}
    for name in {"rnn", "ednn"} & set(run.outputs):
        arrays = weights.load(run.path(name))[1]
        gradient[name] = 4 * sum(array.size for key, array in arrays.items() if key.startswith("last_"))
    with Store(run.path("observe"), mpi.alone()) as store:
        thin = int(store.attribute("thin"))
    return {"thin": thin, "rungs": len(run.job.sweep.listed), "gradient": gradient}


def measured_wires(comm, trains: bool) -> dict:
    """Seconds of an empty message and of a byte: a `call` of MPI, and a `sum` of gradients.

    That cores are in use; and by the `clock`.
    """
    if comm.size == 1:
        return {"call": (0.0, 0.0), "sum": (0.0, 0.0)}
    from mpi4py import MPI

    send = {"call": lambda values: comm.Allreduce(MPI.IN_PLACE, values)}
    if trains:
        from dcl_hpc.training import data_parallel

        parallel = data_parallel.connect(comm)
        send["sum"] = lambda values: parallel.mean([values])
    result = {}
    for kind, function in send.items():
        times = []
        for size, tries in zip(MESSAGES, TRIES, strict=True):
            values, clocks = np.zeros(size), []
            function(values)  # which connects the ranks
            comm.Barrier()
            spent = time.process_time()
            for _ in range(tries):
                started = time.monotonic()
                function(values)
                clocks.append(time.monotonic() - started)
            used = of_cores(comm, time.process_time() - spent) / tries
            times.append((used, float(np.median(clocks))))
        first, last = np.array(times)
        slope = np.maximum(0, last - first) / (8 * MESSAGES[1])
        result |= {kind: (first[0], slope[0]), f"{kind}_clock": (first[1], slope[1])}
    if trains:
        parallel.close()
    return {"sum": result["call"], **result}


def timed_sums(timeline: Path) -> dict[str, float]:
    """Median seconds that gradients were agreed on, and summed, in Horovod's timeline of a training."""
    events = json.loads(timeline.read_text().rstrip(", ]\n") + "]")  # which may not have been closed
    open_events: dict[int, list] = {}
    found: dict[str, list] = {}
    for event in events:
        if event["ph"] == "B":
            open_events.setdefault(event["pid"], []).append(event)
        elif event["ph"] == "E" and open_events.get(event["pid"]):
            begun = open_events[event["pid"]].pop()
            found.setdefault(begun["name"], []).append((event["ts"] - begun["ts"]) / 1e6)
    names = {"agreed": "NEGOTIATE_ALLREDUCE", "summed": "ALLREDUCE"}
    return {name: float(np.median(found[key])) for name, key in names.items() if key in found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("job")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--runs", required=True)
    parser.add_argument("--began", type=float, required=True, help="time of the clock when it was called")
    rank_work(parser.parse_args())


if __name__ == "__main__":
    main()
