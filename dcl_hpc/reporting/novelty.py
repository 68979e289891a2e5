"""How far predictions are from what was observed: where they rest on the form of the law."""

import numpy as np

from ..energy.factory import ENERGIES
from ..inference.novelty import ENOUGH, Sightings
from ..physics.shape import Shape
from ..physics.tiles import MAX_TABLE
from ..pipeline.lattice_study import sweep_name
from ..storage import results
from ..storage.observations import observed_rows
from ..storage.replicas import last_configurations
from .words import ranges

# Share of the tiles, in rarely seen states, beyond which that is told; tiles of which none is, so that the
# share is smaller with 95 % confidence (0 of n: less than 3/n).
TOLD = 0.01
FEWEST = 3 / TOLD
# Observations that are read at a time.
ROWS = 2**17


class Novelty:
    """What a run's observations know of the configurations that its sweeps ended with.

    Parameters
    ----------
    run : Run
    """

    def __init__(self, run):
        self._run, self._lattice = run, run.job.build_lattice()
        self._known: dict[tuple, Sightings] = {}

    def of(self, energy: str, shape: Shape) -> dict:
        """How new the configurations of a sweep are.

        Nothing is said of the true energy, nor of a glass, where a tile's law is another at each place.

        Returns
        -------
        dict
            For each temperature that the job lists `rare_share`, of the tiles in states that were seen fewer
            than `inference.novelty.ENOUGH` times in what the energy was learned from, its standard error
            `rare_share_error`, and `outside_share`, of the configurations that are, as a whole, outside the
            range of the observed ones (see `Sightings.outside`); `rare_tile`, a dict of the tile's `sites`,
            `enough`, the number of `states`, how many of them are `rare` and `never` seen, `observations`,
            and the `tiles` that a share is of. All of them are None where nothing is said, or no tile fits.
        """
        names = ("rare_share", "rare_share_error", "outside_share", "rare_tile")
        if not ENERGIES[energy].learned or self._run.job.is_glass:
            return dict.fromkeys(names)
        offsets, rows, known = self._sightings(energy)
        lattice = self._run.job.build_lattice(shape)
        n_tiles = known.n_tiles(lattice)
        if not (n_tiles and known.seen):
            return dict.fromkeys(names)
        path, n_states = self._run.path(sweep_name(energy, shape)), self._run.job.hamiltonian.n_states
        replicas = last_configurations(path, n_states)
        n_temperatures, n_ladders, _ = replicas.shape
        states = replicas.reshape(n_temperatures * n_ladders, -1)
        share = known.rare_shares(states, lattice).reshape(n_temperatures, n_ladders)
        outside = known.outside(states, lattice).reshape(n_temperatures, n_ladders)
        error = share.std(axis=1, ddof=1) / np.sqrt(n_ladders)
        counts = np.concatenate(known.counts)
        tile = {
            "sites": offsets.tolist(),
            "enough": ENOUGH,
            "states": len(counts),
            "rare": int((counts < ENOUGH).sum()),
            "never": int((counts == 0).sum()),
            "observations": rows,
            "tiles": n_ladders * n_tiles,
        }
        error = np.maximum(error, 1 / tile["tiles"])  # 0 of n is not known to be 0
        columns = (share.mean(axis=1), error, outside.mean(axis=1))
        return dict(zip(names, [*(column.tolist() for column in columns), tile], strict=True))

    def _sightings(self, energy: str) -> tuple[np.ndarray, int, Sightings]:
        """The tile of an energy, the observations that it was learned from, and what they have of it.

        The tile is that of the EDNN if its states can be counted: if there are `ENOUGH` observed tiles for
        each. Else, for the RNN, which sees all sites, and where calibration put the interactions of direct
        estimates in the place of a network's, it is that of these.
        """
        job = self._run.job
        offsets, rows = job.tile.offsets(self._lattice), self._rows(energy)
        if energy == "ednn" and not job.calibrates(energy):
            context = results.read_local_energy(self._run.path("ednn"))["context"]
            own = job.ednn.tiling(self._lattice, context).offsets
            states = float(job.hamiltonian.n_states) ** len(own)
            if states <= MAX_TABLE and states * ENOUGH <= rows * self._lattice.n_sites:
                offsets = own
        key = (offsets.tobytes(), rows)
        if key not in self._known:
            self._known[key] = self._counted(offsets, rows)
        return offsets, rows, self._known[key]

    def _rows(self, energy: str) -> int:
        """Observations that an energy was learned from, the first ones."""
        job = self._run.job
        with observed_rows(self._run.path("observe"), job.held_out) as source:
            there = source.n
        if energy == "direct":
            return min(there, job.direct.samples)
        return there if job.is_trained(energy) else min(there, job.ednn.samples)

    def _counted(self, offsets: np.ndarray, rows: int) -> Sightings:
        known = Sightings(self._lattice, offsets, self._run.job.hamiltonian.n_states)
        with observed_rows(self._run.path("observe")) as source:
            for start in range(0, rows, ROWS):
                known.add(source.read(start, min(start + ROWS, rows))[0])
        return known


def is_rare(sweep: dict) -> np.ndarray:
    """Whether more than `TOLD` of the tiles are in rare states, beyond the error, bool (n_temperatures,)."""
    if not sweep.get("rare_share"):
        return np.zeros(len(sweep["temperature"]), bool)
    return np.array(sweep["rare_share"]) - np.array(sweep["rare_share_error"]) > TOLD


def sentences(sweeps: list[dict]) -> list[str]:
    """What the page says of the sweeps of a summary; sweeps of which the same is true share a sentence."""
    told: dict[str, list[str]] = {}
    for sweep in filter(lambda one: one.get("rare_share"), sweeps):
        name = f"{ENERGIES[sweep['energy']].title}, {Shape(sweep['shape'], sweep.get('boundary'))}"
        for text in _texts(sweep):
            told.setdefault(text, []).append(name)
    return [f"{'; '.join(names)}: {text}" for text, names in told.items()]


def _texts(sweep: dict):
    """What is true of one sweep."""
    temperature, tile = sweep["temperature"], sweep["rare_tile"]
    if where := ranges(temperature, is_rare(sweep)):
        yield (
            f"{where} more than {TOLD:.0%} of the tiles ({len(tile['sites'])} sites) are in states seen "
            f"fewer than {ENOUGH} times: there the answer rests on the form of the law"
        )
    elif tile["tiles"] < FEWEST:
        yield (
            f"{tile['tiles']} tiles at each temperature are too few to tell whether more than {TOLD:.0%} are "
            "in rarely seen states; raise sweep.ladders"
        )
    else:
        yield f"at all temperatures nearly all tiles are in states seen {ENOUGH} times and more"
    if where := ranges(temperature, np.array(sweep["outside_share"]) > 0.5):
        whole = "" if ENERGIES[sweep["energy"]].any_shape else ", and this energy knows whole ones only"
        yield (
            f"{where} most configurations are, as a whole, beyond all that were observed: the average tile "
            f"of each is commoner, or rarer, than that of any observed one{whole}"
        )


def caption(sweeps: list[dict]) -> str:
    """What the caption of a figure says of the shade; "" without any."""
    if not any(is_rare(sweep).any() for sweep in sweeps):
        return ""
    return (
        f" Shade: more than {TOLD:.0%} of the tiles are in states that were seen fewer than {ENOUGH} times."
    )


def shade(axis, sweeps: list[dict], colours: dict) -> None:
    """Shade the temperatures of a figure at which too many tiles are in rarely seen states."""
    for sweep in sweeps:
        t, label = (
            np.array(sweep["temperature"]),
            f"{ENERGIES[sweep['energy']].title}: rests on the law's form",
        )
        edges = np.concatenate([t[:1], (t[1:] + t[:-1]) / 2, t[-1:]])
        for k in np.flatnonzero(is_rare(sweep)):
            axis.axvspan(
                edges[k], edges[k + 1], color=colours[sweep["energy"]], alpha=0.12, lw=0, label=label
            )
            label = None
