"""What of a job the result of each stage depends on; a file made with other values belongs to another job."""

from ..energy.factory import ENERGIES
from .simulations import Grid


def dependencies(
    job, output: str, sections: tuple[str, ...], changed: bool = False, imported: bool = False
) -> dict:
    """See `Job.dependencies`."""
    values = job.model_dump(mode="json", context={"digest": True})
    if output.startswith("ednn_context_"):
        values["ednn"]["context"] = int(output.removeprefix("ednn_context_"))
    result = {key: values[key] for key in sections}
    if "labels" in result and not job.uses_labels:
        result.pop("labels")
        if not (output == "evaluate" and job.uses_rnn):
            result.pop("rnn")
    if "observe" in result:
        if imported:  # how chains would have run does not matter
            kept = ("temperature", "incomplete")
            result["observe"] = {key: values["observe"][key] for key in kept}
        if not (imported and _of_networks(job, output)):  # no chain loses atoms; other learners take all
            result["observe"].pop("incomplete")
    if result.get("direct"):  # what is compared with does not matter to the energy, nor this to others
        unused = "methods" if output != "evaluate" else "" if job.uses_direct else "method"
        result["direct"] = _without(result["direct"], unused)
    if "uncertainty" in result:  # a member is the same in committees of all sizes
        kept = ("epochs",) if output.count("_") > 1 else ("members", "epochs")
        result["uncertainty"] = {key: values["uncertainty"][key] for key in kept}
    if "sweep" in result:  # other energies and shapes do not matter to this one
        shared = ("temperatures", "ladders", "start", "exchange", "rungs")
        result["sweep"] = {key: values["sweep"][key] for key in shared}
    if "check" in result:
        result["check"] = _check(result["check"], output)
        if ENERGIES[output.split("_")[1]].slow:  # its chains are as long as those of its sweeps
            lengths = job.sweep.lengths(output.split("_")[1])
            result["check"] |= dict(zip(("thermalization", "sweeps"), lengths, strict=True))
    for name in ("rnn", "ednn"):  # does not matter to how it is trained
        if name in result:
            result[name] = _without(result[name], "calibrate")
            if not imported and result[name]["validation"] == "auto":
                result[name]["validation"] = job.validation(name, job.observe.samples)
            elif job.is_glass and result[name]["validation"] == "auto":  # earlier versions held out less
                result[name]["unseen"] = True
    result = canonical(result)
    if changed:
        result = _only(result, job.model_dump(mode="json", exclude_defaults=True, context={"digest": True}))
    if output.startswith("sweep_") and output.split("_")[1] in job.committees:
        result["sweep"]["members"] = job.uncertainty.members
    if "sweep" in result:
        result["sweep"]["lengths"] = list(job.sweep.lengths(output.split("_")[1]))
    if output == "evaluate":
        result["energies"] = job.learned
    if _is_calibrated(job, output):
        tile = _direct(job.tile.model_dump(mode="json"))
        tile = {key: tile[key] for key in ("tile", "side", "radius", "without") if key in tile}
        result["calibrated"] = values["calibration"] | ({"bonds": True} if job.is_glass else tile)
    if job.held_out and output != "observe" and "observe" in result:
        result["observe"]["held_out"] = job.held_out
    return result


def _is_calibrated(job, output: str) -> bool:
    """Whether a calibrated energy has part in an output."""
    stage, name = (output + "_").split("_")[:2]
    if stage == "evaluate":
        return any(map(job.calibrates, job.learned))
    return stage in ("calibrate", "sweep", "check") and job.calibrates(name)


def _of_networks(job, output: str) -> bool:
    """Whether a network has part in an output, as it may not take all snapshots."""
    if output in ("rnn", "label") or output.startswith("ednn_context_"):
        return True
    about = ("sweep_", "check_", "calibrate_", "committee_")
    name = output.split("_")[1] if output.startswith(about) else output
    return job.trains_networks if output == "evaluate" else job.is_trained(name)


def canonical(values: dict) -> dict:
    """Dependencies without what does not matter and with what is the same in one form.

    Parameters
    ----------
    values : dict
        Dependencies as plain JSON types, also those that an older file was made with.
    """
    values = dict(values)
    if "lattice" in values:
        values["lattice"] = _lattice(values["lattice"])
    if "hamiltonian" in values and not values["hamiltonian"].get("field"):
        values["hamiltonian"] = _without(values["hamiltonian"], "field")
    if "rnn" in values:
        gru = values["rnn"].get("architecture", "gru") == "gru"
        # the networks of older files were not
        values["rnn"] = {"symmetric": False} | _without(values["rnn"], *["heads"] * gru)
    if "labels" in values:
        values["labels"] = _labels(values["labels"])
    if "ednn" in values:
        values["ednn"] = _ednn(values["ednn"])
    if values.get("direct"):
        values["direct"] = _direct(values["direct"])
    if "sweep" in values:
        sweep = values["sweep"] = dict(values["sweep"])
        if isinstance(sweep.get("temperatures"), dict):
            sweep["temperatures"] = Grid(**sweep["temperatures"]).listed.tolist()
        elif "temperatures" in sweep:
            sweep["temperatures"] = sorted(set(sweep["temperatures"]))
        if sweep.get("start") == "random":
            sweep.pop("start")
        if not sweep.get("exchange", True):
            sweep.pop("rungs", None)
    return values


def _lattice(section: dict) -> dict:
    section = dict(section)
    if section.get("kind") in ("hypercubic", "square", "cubic"):
        del section["kind"]
    ends = section.get("boundary", "periodic")
    ends = [ends] * len(section["shape"]) if isinstance(ends, str) else ends
    section["boundary"] = list(ends)
    return _without(section, *["boundary"] * ("open" not in ends), *["absent"] * (not section.get("absent")))


def _check(section: dict, output: str) -> dict:
    """What matters to one test: of all sets of snapshots its own; shares held out are told elsewhere."""
    own = int(f"{output}_0".split("_")[2])
    sets = section["sets"][own - 1 : own] if own else []
    return _without(section, "wanted", "held_out", "sets") | {"sets": sets}


def _labels(section: dict) -> dict:
    section = section if section.get("tempered") else _without(section, "coldest")
    shares = {
        name: section[name] for name in ("random", "observed", "sampled", "tempered") if name in section
    }
    largest = max(shares.values(), default=1)  # not their sum: doing this twice must change nothing
    return section | {name: share / largest for name, share in shares.items()}


def _direct(section: dict) -> dict:
    # boxes were before there were others
    section = _without(section, *(["side"] if section.get("tile") == "ball" else ["tile", "radius"]))
    return _without(section, *["without"] * (not section.get("without")))


def _ednn(section: dict) -> dict:
    if not section.get("without"):
        section = _without(section, "without")
    if section.get("tile") == "box":  # as tiles were before there were others
        section = _without(section, "tile")
    if section.get("fit", "labels") in ("table", "clusters"):
        keys = ("fit", "context", "samples", "focus", "shared", "tile", "without")
        return {key: section[key] for key in keys if key in section}
    section, context = _without(section, "samples", "without"), section.get("context", 1)
    if section.get("fit", "labels") != "labels":
        section = _without(section, "flat")
    if isinstance(context, list):
        context = sorted(set(context))
        section["context"] = context if len(context) > 1 else context[0]
    if isinstance(section.get("context", 1), int) or section.get("fit", "labels") != "labels":
        section.pop("tolerance", None)
    return section


def _without(section: dict, *keys: str) -> dict:
    return {key: value for key, value in section.items() if key not in keys}


def _only(values: dict, kept: dict) -> dict:
    """The values whose keys are in another dict too, section by section."""
    return {
        key: _only(value, kept[key]) if isinstance(value, dict) and isinstance(kept[key], dict) else value
        for key, value in values.items()
        if key in kept
    }
