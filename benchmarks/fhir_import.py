"""
Measure the import of FHIR bundles: seconds, peak memory, and what a second import costs.

``python -m benchmarks.fhir_import PATH… [--times N] [--enrich SEED]``: two runs, each a process of its own.
With ``--times`` every file with a patient is read so often, each time with other ids.
"""

import argparse
import json
import multiprocessing
import re
import resource
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid5

from engine.desk.desk import Desk
from engine.fhir import files
from engine.fhir.importing import import_fhir
from engine.records.database import Database
from tests import build

_MEGA = 2**20
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Figures(NamedTuple):
    """What one run cost; memory in MiB, before it began and at its highest."""

    seconds: float
    stages: dict[str, float]
    before: float
    peak: float
    records: int
    resources: int
    items: int


def main() -> None:
    """Import into an empty database, then once more, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--enrich", type=int)
    parser.add_argument("--times", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "passation.db"
        paths = files.find(given.paths) + _copies(files.find(given.paths), Path(folder), given.times - 1)
        size = sum(path.stat().st_size for path in paths)
        print(f"{size / _MEGA:.1f} MiB of input in {len(paths)} files", flush=True)
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            for name in ("first import", "second import"):
                print(f"{name}: {_line(pool.apply(run, (file, paths, given.enrich)))}", flush=True)
        print(f"database: {file.stat().st_size / _MEGA:.1f} MiB")


def _copies(paths: list[Path], folder: Path, count: int) -> list[Path]:
    """Write each bundle with a patient again, with other ids for what stands in it."""
    found = []
    for path in paths:
        text = path.read_text()
        entries = json.loads(text)["entry"]
        if not any(entry["resource"]["resourceType"] == "Patient" for entry in entries):
            continue
        own = {entry["resource"]["id"] for entry in entries}
        for number in range(count):

            def another(match: re.Match[str], number: int = number, own: set[str] = own) -> str:
                return str(uuid5(UUID(match[0]), str(number))) if match[0] in own else match[0]

            copy = folder / f"{number}-{path.name}"
            copy.write_text(_UUID.sub(another, text))
            found.append(copy)
    return found


def run(file: Path, paths: list[Path], seed: int | None) -> Figures:
    """Import, in a process that does nothing else."""
    database = Database(file)
    if not file.exists():
        database.upgrade()
        with database.write() as session:
            world = build.world(session)
        file.with_suffix(".json").write_text(json.dumps(str(world.administrator)))
    administrator = _administrator(file)
    before, began = _peak(), time.perf_counter()
    stages: dict[str, float] = {}

    def progress(stage: str, done: int, total: int) -> None:
        if done == total:
            stages[stage] = time.perf_counter() - began - sum(stages.values())

    report = import_fhir(Desk(database), administrator, paths, seed=seed, progress=progress)
    seconds = time.perf_counter() - began
    items = sum(counts.total() for counts in report.became.values()) + report.invented.total()
    database.close()
    return Figures(seconds, stages, before, _peak(), len(report.records), report.read.total(), items)


def _line(found: Figures) -> str:
    stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in found.stages.items())
    return (
        f"{found.seconds:.2f} s ({stages}), {found.records} records, {found.resources} resources read, "
        f"{found.items} things written, {found.resources / found.seconds:.0f} resources/s, "
        f"memory {found.before:.0f} MiB before, {found.peak:.0f} MiB at the most"
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _administrator(file: Path) -> UUID:
    return UUID(json.loads(file.with_suffix(".json").read_text()))


if __name__ == "__main__":
    main()
