"""What the files of a run were made from, and whether that is what is there and what the job says now."""

from pathlib import Path

from ..job.dependencies import canonical
from ..storage import identity
from ..storage.documents import digest_of, read_json
from ..storage.identity import Damaged
from ..storage.progress import Progress
from ..storage.reading import told
from .state import UPDATE, OtherJob, Outdated, State, first_difference

# What an ensemble's realizations call, among their inputs, those of the network that they begin with.
FIRST = "first realization's "
ELSE = f"choose another name (--set name=NEW), or {UPDATE}"


def lineage(run, output: str) -> dict[str, str]:
    """Numbers of the files that an output is made from, and of those that these were made from."""
    found: dict[str, str] = {}
    for name, path in _inputs(run, output).items():
        if path.exists():
            own, prefix = identity.read(path), FIRST if name.startswith(FIRST) else ""
            found |= {prefix + ancestor: number for ancestor, number in own.inputs.items()}
            found[name] = own.uuid
    return found


def _inputs(run, output: str) -> dict[str, Path]:
    paths = {name: run.path(name) for name in run.stage(output).needs(run.job, output)}
    if run.first and run.job.warm_start and output.startswith(run.study.led):
        paths[FIRST + run.study.leading] = run.first.path(run.study.leading)
    return paths


def compare(run, output: str) -> None:
    """Compare what a file was made with and from with this job and the files that are there; raises."""
    path, found = run.path(output), identity.read(run.path(output))
    if (made_as := found.about.get("stage", output)) != output:
        raise OtherJob(f"{path} is the file of another output, {made_as}; {UPDATE}")
    imported = "source" in found.about if output == run.study.imported else is_imported(run)
    difference = first_difference(
        canonical(found.about["dependencies"]),
        dependencies(run, output, imported),
        dependencies(run, output, imported, changed=True),
    )
    if difference:
        raise OtherJob(f"{path} was made by another job: {difference}; {ELSE}")
    if output == run.study.imported and run.snapshots is not None:
        _compare_source(run, found.about)
    for name, number in found.inputs.items():
        owner = run.first if name.startswith(FIRST) and run.first else run
        origin = owner.path(name.removeprefix(FIRST))
        try:
            there = identity.read(origin).uuid
        except (FileNotFoundError, Damaged):
            continue  # what is not there contradicts nothing; damage is told where it is
        if there != number:
            raise Outdated(
                f"{path} is out of date: it was made from another {origin.relative_to(run.folder)} than "
                f"the one that is there now; {UPDATE}"
            )


def _compare_source(run, about: dict) -> None:
    """Compare the source of imported observations with the snapshots that were named; raises."""
    path, wanted = run.path(run.study.imported), run.foreign
    if "source" not in about:
        raise Outdated(f"{path} has observations of the job's own chains; {ELSE}")
    if about["source_digest"] != wanted.digest:
        same = about["source"] == wanted.identity
        other = ", which has changed since" if same else f", not from {wanted.identity}"
        raise Outdated(f"{path} was imported from {about['source']}{other}; {ELSE}")


def dependencies(run, output: str, imported: bool, changed: bool = False) -> dict:
    """What the job says that an output depends on, and what is known of its inputs besides."""
    sections, study = run.stage(output).sections(output), run.study
    result = run.job.dependencies(output, sections, changed, imported)
    if imported and output != study.imported and study.imported in result:
        result[study.imported]["imported"] = True
    if study.leading in result:
        leading = result[study.leading]
        wanted = leading.pop("warm_start", False)
        if wanted and run.first:
            leading["warm_start"] = f"realization {run.first.realization}"
        elif not changed:  # the first one's network does not depend on it
            leading["warm_start"] = False
    return result


def is_imported(run) -> bool:
    """Whether the observations that are there are the user's own."""
    try:
        return bool(run.source())
    except Damaged:
        return False


def state_of_report(run) -> State:
    """Whether the report is of what is there now."""
    found = read_json(run.path("report"))
    with told(run.path("report")):
        return _compare_report(run, found)


def _compare_report(run, found: dict) -> State:
    if found.get("inputs") != report_inputs(run):
        raise Outdated(f"{run.path('report')} is out of date: results have changed since")
    parts = [(member, "report") for member in run.realizations] or [(run, output) for output in run.data]
    for part, output in parts:
        if part.state(output).problem is not None:
            raise Outdated(f"{run.path('report')} is out of date: {part.path(output)} is")
    folder = run.path("report").parent
    for name, digest in found["files"].items():
        if not (folder / name).exists() or digest_of(folder / name) != digest:
            raise Outdated(f"{folder / name} is gone or damaged")
    return State(Progress(1, 1, found["wall_seconds"]["report"], sealed=True))


def report_inputs(run) -> dict[str, str | None]:
    """Numbers of all files that the report is made from, of an ensemble of its realizations' reports."""
    if run.realizations:
        reports = {member.root.name: member.path("report") for member in run.realizations}
        return {name: read_json(p)["uuid"] if p.exists() else None for name, p in reports.items()}
    paths = {output: run.path(output) for output in run.data}
    return {output: identity.read(p).uuid if p.exists() else None for output, p in paths.items()}
