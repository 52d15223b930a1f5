"""What must hold before anything starts: programs, files, folders, settings."""

import os
import shutil
import subprocess
from pathlib import Path

from configs.addresses import is_address
from configs.errors import UserError
from configs.profile import Profile
from pipeline.acquire.sources import source_files
from pipeline.contract.artifact import HASHES
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.formatting import size
from pipeline.contract.mirror import root_folder
from pipeline.contract.stages import STAGES

LEAST_JAVA = 17
LEAST_DISK_FACTOR = 4
"""Artifacts hold the text about four times: acquired, scored, kept, balanced."""


def check(profile: Profile) -> None:
    """Raises UserError for the first thing that would stop the run later.

    Every source exists and is readable, the root can be written and has room, Java is there, and a C++
    compiler where the profile may need it, and the settings of training fit each other.
    """
    writable(root_folder(profile.storage.root))
    sources(profile)
    if profile.launch.hostfile and is_address(profile.storage.root):
        raise UserError(
            "launch.hostfile: training on several machines reads from a folder that they share, and storage.root is "
            f"{profile.storage.root}; set storage.root to a shared folder, or train on one machine"
        )
    if not profile.spark.master.startswith(("spark://", "yarn", "k8s://")):
        java()
    if profile.launch.deepspeed:
        compiler()
    for stage in STAGES.values():
        stage.refuse(profile)


def java() -> None:
    """Java 17 or newer on PATH or in JAVA_HOME, as Spark 4.2 needs it."""
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    remedy = f"install it, on Debian: apt-get install openjdk-{LEAST_JAVA}-jre-headless"
    if not program or not Path(program).exists():
        where = f"JAVA_HOME={home} has no bin/java" if home else "no program java on PATH"
        raise UserError(f"Java: {where}, and Spark needs Java {LEAST_JAVA} or newer; {remedy}")
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    major = said.partition('version "')[2].split(".")[0].strip('"')
    if major.isdigit() and int(major) < LEAST_JAVA:
        raise UserError(f"Java: {program} is version {major}, and Spark needs {LEAST_JAVA} or newer; {remedy}")


def compiler() -> None:
    """A C++ compiler. What we set needs none; what a profile passes on, such as offloading, may."""
    if not shutil.which("g++"):
        raise UserError(
            "g++: no C++ compiler on PATH, and launch.deepspeed may need one for DeepSpeed's operators; "
            "on Debian: apt-get install g++, or empty launch.deepspeed"
        )


def writable(root: Path) -> None:
    """The root can be created and written."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = root / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"storage.root: {root} cannot be written ({error.strerror}); choose a writable folder"
        ) from error


def sources(profile: Profile) -> None:
    """Every source can be read, and the disk has room for what is made of it."""
    root = root_folder(profile.storage.root)
    STAGES["acquire"].raw_inputs(profile, FileHashes(root.resolve() / HASHES))
    files = [path for s in profile.acquire.sources if s.path for _, path in source_files(s)]
    needed = LEAST_DISK_FACTOR * sum(path.stat().st_size for path in files)
    free = shutil.disk_usage(root).free
    if needed > free:
        raise UserError(
            f"storage.root: {root} has {size(free)} free, and the sources need about "
            f"{size(needed)} of artifacts; choose a larger disk"
        )
