"""The outputs of the golden run as they were recorded, one JSON object a stage."""

import json
from dataclasses import asdict
from pathlib import Path

from pipeline.contract.atomic_write import write_text
from tests.golden.output import Output, Part
from tests.golden.run import HERE

FILE = HERE / "outputs.json"


def read_recorded(file: Path = FILE) -> dict[str, Output]:
    """Stage to output."""
    stages = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return {
        name: Output(stage["version"], stage["fingerprint"], {n: Part(**part) for n, part in stage["parts"].items()})
        for name, stage in stages.items()
    }


def write_recorded(outputs: dict[str, Output], file: Path = FILE) -> None:
    write_text(file, json.dumps({name: asdict(output) for name, output in outputs.items()}, indent=1) + "\n")
