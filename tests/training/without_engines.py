"""A pytest plugin, and a program: neither Spark nor Airflow can be imported.

python -m pytest -p tests.training.without_engines tests/training
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

REFUSED = ("pyspark", "airflow")


class _Refusal:
    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        if name.partition(".")[0] in REFUSED:
            raise ModuleNotFoundError(f"{name} is not for a GPU machine", name=name)
        return None


sys.meta_path.insert(0, _Refusal())  # type: ignore[arg-type]

if __name__ == "__main__":
    project = Path(__file__).resolve().parents[2]
    for top in sys.argv[1:]:
        for path in sorted((project / top).rglob("*.py")):
            try:
                importlib.import_module(".".join(path.relative_to(project).with_suffix("").parts))
                print(path.relative_to(project))
            except ModuleNotFoundError as error:
                if error.name != "triton":  # which only machines with a GPU have
                    raise
