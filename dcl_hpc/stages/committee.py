"""Train committees: networks of one kind that differ in their seeds and in what they have seen."""

import gc
from dataclasses import replace

from .. import networks
from ..cluster import mpi
from ..cluster.groups import share_out
from ..errors import UserError
from ..pipeline.context import Context
from ..pipeline.lattice_study import committee_name, committee_of
from ..storage import weights
from .members import Member
from .train import train_rnn, train_tiles


def committee(context: Context, output: str) -> None:
    """Train the committee of an energy, or go on with it; members are shared out to groups of ranks."""
    run, comm, energy = context.run, context.comm, committee_of(output)
    networks.start()

    def work(number: int, group, which: int) -> None:
        name, member = committee_name(energy, number), Member(number)
        if mpi.on_root(group, run.done, name):
            return
        own = _own(context, group, number, bars=which == 0)
        if energy == "rnn":
            train_rnn(own, name, member)
        else:
            train_tiles(own, name, mpi.on_root(group, _tile_context, run), member)
        gc.collect()  # the network of a member that is done

    failures = share_out(comm, range(run.job.uncertainty.members), work, context.stop)
    if failures:
        raise UserError.everywhere(f"member {min(failures)}: {failures[min(failures)]}")
    mpi.on_root(comm, _put_together, run, output)


def _own(context: Context, group, number: int, bars: bool) -> Context:
    """What a group works with."""
    from ..training import data_parallel

    log = context.log.part(group.rank, f"{context.log.about}member {number}: ", bars)
    own = Context(replace(context.run, ranks=group.size), group, log, context.stop, context.update)
    own.parallel = data_parallel.connect(group, "mpi")  # Horovod knows one group at a time
    return own


def _tile_context(run) -> int:
    """The one that was enough."""
    return weights.load(run.path("ednn"))[0]["context"]


def _put_together(run, output: str) -> None:
    """One file of what Monte Carlo needs of all members."""
    found = [
        weights.load(run.path(committee_name(committee_of(output), k)))
        for k in range(run.job.uncertainty.members)
    ]
    arrays = {
        f"{k}_{name}": array
        for k, (_, arrays, _) in enumerate(found)
        for name, array in arrays.items()
        if name.startswith("best_")
    }
    settings = {"members": [settings for settings, _, _ in found]}
    wall = sum(member["state"]["wall"] for member in settings["members"])
    weights.save(run.path(output), run.attributes(output), settings, arrays, {}, 1, 1, wall)
