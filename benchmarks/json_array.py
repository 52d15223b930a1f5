"""Peak memory of reading one JSON array of 2 GB into runs, as the task of acquire does: one JSON line.

    python benchmarks/json_array.py [--megabytes 2000] [--folder FOLDER]

The array is written first, by another process, and deleted afterwards.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

from configs.acquire import Source
from pipeline.acquire.batches import Held, batches_of
from pipeline.acquire.reading_plan import plan
from pipeline.rows.schema import CONVERSATIONS, DROPPED
from pipeline.spark.external_sort import Runs


def write_array(path: Path, size: int) -> None:
    """An array of prompt and response objects, indented as json.dump(indent=1) does, of `size` bytes."""
    with path.open("w") as file:
        number = 0
        while file.tell() < size:
            rows = [
                {"prompt": f"Which tram goes to platform {n}?", "response": f"Line {n % 31} stops there. " * 8}
                for n in range(number, number + 10_000)
            ]
            text = json.dumps(rows, indent=1)
            file.write(("," if number else "[") + text[1:-2])
            number += len(rows)
        file.write("\n]\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--folder", help="where to write the array; default: the system's temporary folder")
    options = parser.parse_args()
    if options.folder:
        Path(options.folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        path, runs = Path(name) / "array.json", Path(name) / "runs"
        runs.mkdir()
        writer = multiprocessing.Process(target=write_array, args=(path, options.megabytes * 1_000_000))
        writer.start()
        writer.join()
        size, started = path.stat().st_size, time.monotonic()
        unit = plan(Source(name="array", path=str(path)), [(path.name, path)]).units[0]
        held = Held()
        spilled = {schema: Runs(runs, number, 64) for number, schema in enumerate((CONVERSATIONS, DROPPED))}
        for batch in batches_of(unit, held, lambda _: None):
            spilled[batch.schema].add(batch)
        for run in spilled.values():
            run.flush()
        seconds = time.monotonic() - started
    print(
        json.dumps(
            {
                "array_bytes": size,
                "records": held.read.total(),
                "quarantined": held.read.total() - held.read["conversations"],
                "seconds": round(seconds, 1),
                "records_per_second": round(held.read.total() / seconds),
                "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
            }
        )
    )


if __name__ == "__main__":
    main()
