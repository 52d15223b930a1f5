"""Runs the Dockerfile's steps in a new Debian below a folder, where there is no container engine: as root.

    python -m tests.docker.clean_root FOLDER [--find-links FOLDER]

debootstrap makes the root; Debian's Python 3.11 stands in for the base image's. Each RUN is executed by chroot, each
COPY copies the files that git knows, and at the end the image's user imports the project and asks Airflow's version.
--find-links: of wheels, in place of `--torch-backend=auto`, where PyTorch's own index is out of reach.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.stack.compose import DOCKERFILE, PROJECT, image_environment

BASE = "ca-certificates,python3,python3-dev,python3-pip,python3-venv"
WHAT_REMAINS = "import airflow, pyspark, deepspeed, pipeline.cli; print(airflow.__version__, pyspark.__version__)"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--find-links", type=Path)
    options = parser.parse_args()
    root = options.folder.resolve()
    _timed("debootstrap", ["debootstrap", "--variant=minbase", f"--include={BASE}", "bookworm", str(root)])
    _like_the_base_image(root)
    if options.find_links:
        shutil.copytree(options.find_links, root / "wheels", dirs_exist_ok=True)
    subprocess.run(["mount", "-t", "proc", "proc", str(root / "proc")], check=True)
    try:
        where = "/"
        for word, rest in _steps():
            if word == "WORKDIR":
                where = rest
                (root / where.strip("/")).mkdir(parents=True, exist_ok=True)
            elif word == "COPY":
                _copy(root / where.strip("/"), rest.split()[:-1])
            elif word == "RUN":
                command = rest.replace("--torch-backend=auto", "--find-links /wheels") if options.find_links else rest
                _timed(f"RUN {rest[:60]}", _chroot(root, "0:0", where, command))
        _timed("as the image's user", _chroot(root, "50000:0", where, f'python -c "{WHAT_REMAINS}"'))
    finally:
        subprocess.run(["umount", str(root / "proc")], check=False)
    return 0


def _steps() -> list[tuple[str, str]]:
    """Instruction and arguments of each step."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.M).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def _like_the_base_image(root: Path) -> None:
    """`python` and `pip` install where they please; the registries are found as on this machine."""
    for mark in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        mark.unlink()
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    places = [Path("/etc/resolv.conf"), Path("/etc/hosts"), Path("/etc/ssl/certs/ca-certificates.crt")]
    for place in [*places, *Path("/etc/apt").glob("sources.list.d/*"), *Path("/etc/apt").glob("apt.conf.d/*")]:
        if place.is_file():
            shutil.copy(place, root / place.relative_to("/"))


def _copy(to: Path, names: list[str]) -> None:
    """Files that git knows: what .dockerignore leaves out is not among them, but for the tests."""
    known = subprocess.check_output(["git", "ls-files", *names], cwd=PROJECT, text=True).splitlines()
    for name in known:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, to / name)


def _chroot(root: Path, user: str, where: str, command: str) -> list[str]:
    passed = {k: v for k, v in os.environ.items() if k.lower().endswith(("_proxy", "_cert", "cert_file", "_index_url"))}
    settings = {**passed, **image_environment(), "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp"}
    words = [f"{name}={value}" for name, value in settings.items()]
    script = f"set -o pipefail; cd {where}; {command}"
    return ["chroot", f"--userspec={user}", str(root), "env", "-i", *words, "bash", "-c", script]


def _timed(name: str, command: list[str]) -> None:
    """Raises CalledProcessError, after what the command said."""
    started = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        print(done.stdout[-6000:], file=sys.stderr)
    done.check_returncode()
    print(f"{time.monotonic() - started:6.0f} s  {name}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
