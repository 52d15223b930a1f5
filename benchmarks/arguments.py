"""The command line of benchmarks with one argument."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def shared_data() -> Path:
    """The folder of corpora and labelled sets: PARLANCE_SHARED_DATA, or ../shared/data."""
    return Path(os.environ.get("PARLANCE_SHARED_DATA", "../shared/data"))


def argument(description: str | None, name: str, kind: Callable[[str], T], default: T | None, text: str) -> T | None:
    """The value of the one, optional, argument. A path that does not exist ends the program with an error."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        name, nargs="?", type=kind, default=default, help=text + (f" (default: {default})" if default else "")
    )
    value = getattr(parser.parse_args(), name)
    if isinstance(value, Path) and not value.exists():
        parser.error(f"{value} does not exist; set PARLANCE_SHARED_DATA, or give another path")
    return value
