"""Reading results: series of a replica exchange come back by temperature."""

import h5py
import numpy as np
import pytest

from dcl_hpc.reporting.tables import sweep_table
from dcl_hpc.storage.layout import array_field, write_file
from dcl_hpc.storage.replicas import replica_fields
from dcl_hpc.storage.results import read_exchange, read_sweep

LADDER = np.array([1.0, 1.5, 2.0, 2.7, 3.0])
LISTED = np.array([True, False, True, False, True])
STEPS, LADDERS = 7, 3
# Value at each temperature, of each ladder and measurement.
ENERGY = -1000 + 100.0 * np.arange(5)[:, None, None] + 10.0 * np.arange(3)[:, None] + np.arange(7)
ORDER = 0.5 - ENERGY / 4096
# At each temperature, of each pair and measurement.
OVERLAP = np.linspace(-1, 1, 5 * 2 * 7).reshape(5, 2, 7)


@pytest.fixture
def make_sweep(tmp_path):
    """Write a sweep in which replicas have changed places: `make_sweep(half, attempts, accepted, glass)`."""

    def make(half=1, attempts=10, accepted=4, glass=False):
        random = np.random.default_rng(1)
        slot = np.tile(np.arange(5), (STEPS, LADDERS, 1))
        slot = random.permuted(slot, axis=2) if attempts else slot
        assert attempts == 0 or (slot != np.arange(5)).any(axis=1).all()
        step, ladder, _ = np.indices(slot.shape)
        series = {"slot": slot, "energy": ENERGY[slot, ladder, step], "order": ORDER[slot, ladder, step]}
        types = {"slot": np.int16, "energy": np.float64, "order": np.float32}
        layout = {
            "temperature": array_field(LADDER, ("temperature",), "temperatures"),
            "listed": array_field(LISTED, ("temperature",), "named by the job"),
            "series/step": array_field(np.arange(1, STEPS + 1), ("measurement",), "sweeps"),
            **{
                f"series/{name}/value": array_field(
                    values.reshape(STEPS, -1).astype(types[name]), ("measurement", "replica"), name
                )
                for name, values in series.items()
            },
            **replica_fields(16, LADDERS, len(LADDER)),
        }
        if glass:
            q = OVERLAP.transpose(2, 1, 0).astype(np.float32)
            axes = ("measurement", "pair", "temperature")
            layout["series/overlap/value"] = array_field(q, axes, "overlap")
        path = tmp_path / "sweep.h5"
        write_file(path, layout, {}, total=STEPS, done=STEPS)
        with h5py.File(path, "r+") as file:
            file["progress/committed"][1] = half
            ladders = file["checkpoint/ladders"]
            for name, value in (("attempts", attempts), ("accepted", accepted), ("round_trips", 2)):
                ladders[name][half], ladders[name][1 - half] = value, 99
            ladders["accepted"][half, 0, 1] = 0
        return path

    return make


@pytest.mark.parametrize("half", [0, 1])
def test_series_are_arranged_by_temperature(make_sweep, half):
    """Values of replicas that wander over the temperatures come back at their temperature, ladder, time."""
    series = read_sweep(make_sweep(half))
    np.testing.assert_array_equal(series.temperature, LADDER)
    np.testing.assert_array_equal(series.listed, LISTED)
    np.testing.assert_array_equal(series.energy, ENERGY)
    np.testing.assert_array_equal(series.order, ORDER)
    assert series.energy.flags.c_contiguous and series.order.dtype == np.float64


def test_overlaps_are_arranged_by_temperature(make_sweep):
    """Overlaps come back at their temperature, pair, time; a model without them has none."""
    series = read_sweep(make_sweep(glass=True))
    np.testing.assert_array_equal(series.overlap, OVERLAP.astype(np.float32))
    assert series.overlap.flags.c_contiguous and series.overlap.dtype == np.float64
    np.testing.assert_array_equal(series.energy, ENERGY)
    assert read_sweep(make_sweep()).overlap is None


@pytest.mark.parametrize("half", [0, 1])
def test_exchange_statistics_are_those_of_the_valid_half(make_sweep, half):
    """Acceptance per pair over all ladders, and all round trips, from the checkpoint that counts."""
    series = read_sweep(make_sweep(half))
    np.testing.assert_allclose(series.acceptance, [0.4, 8 / 30, 0.4, 0.4])
    assert series.round_trips == 2 * LADDERS * len(LADDER)


def test_without_exchange_nothing_was_accepted(make_sweep):
    """Replicas that never exchanged keep their temperatures, and no acceptance is known."""
    series = read_sweep(make_sweep(attempts=0, accepted=0))
    np.testing.assert_array_equal(series.energy, ENERGY)
    assert np.isnan(series.acceptance).all()


def test_predictions_are_at_the_listed_temperatures(make_sweep):
    """Temperatures that were added for exchange are left out of the table."""
    table = sweep_table(read_sweep(make_sweep()), 16)
    assert table["temperature"] == LADDER[LISTED].tolist()
    np.testing.assert_allclose(table["u"], ENERGY[LISTED].mean(axis=(1, 2)) / 16)
    np.testing.assert_allclose(table["m"], ORDER[LISTED].mean(axis=(1, 2)))


def test_file_without_ladders_has_no_exchange(tmp_path):
    """Chains that are no ladders have neither acceptance nor round trips."""
    path = tmp_path / "chains.h5"
    write_file(path, replica_fields(16, 3, 1), {}, total=1, done=1)
    assert read_exchange(path) is None
