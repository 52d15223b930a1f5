"""The machines that a launch starts ranks on, as its hostfile says."""

import re
from pathlib import Path

from configs.errors import UserError
from configs.train import Launch

LINE = re.compile(r"(?P<host>[A-Za-z0-9][\w.@-]*)(?::(?P<colon>\d+))?(?P<words>(?:\s+\w[\w-]*=\S+)*)")
"""HOST slots=N as Open MPI and DeepSpeed write it, HOST:N as MPICH does."""

FORM = "HOST slots=N"


def world_size(launch: Launch) -> int:
    """Ranks on all machines: the slots of the hostfile; without one, launch.ranks on this machine."""
    return sum(hosts(Path(launch.hostfile)).values()) if launch.hostfile else launch.ranks


def ranks_a_machine(launch: Launch) -> int:
    """Ranks on the machine that has the most."""
    return max(hosts(Path(launch.hostfile)).values()) if launch.hostfile else launch.ranks


def hosts(path: Path) -> dict[str, int]:
    """Host to the ranks that it runs, in the file's order.

    Raises UserError naming the line that gives no slots, or gives a host twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"launch.hostfile: {path} cannot be read; each line is: {FORM}") from error
    found: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        try:
            host, slots = _host(text)
            if host in found:
                raise ValueError("names a host that a line above names; give each host one line")
        except ValueError as error:
            raise UserError(f"launch.hostfile: {path}, line {number} {error}") from error
        found[host] = slots
    if not found:
        raise UserError(f"launch.hostfile: {path} names no host; each line is: {FORM}")
    return found


def _host(text: str) -> tuple[str, int]:
    """The host and the slots of a line; of Open MPI's further words only max_slots is known.

    What it refuses it does not quote: the path may be that of any file.
    """
    line = LINE.fullmatch(text)
    if line is None:
        raise ValueError(f"is not of the form {FORM}")
    words = dict(word.replace("max-slots", "max_slots").split("=", 1) for word in line["words"].split())
    slots = words.pop("slots", line["colon"] or "")
    most = words.pop("max_slots", slots)
    if words:
        raise ValueError(f"has a word besides slots and max_slots; each line is: {FORM}")
    if not slots.isdecimal() or int(slots) < 1:
        raise ValueError(f"does not say how many ranks its host runs; each line is: {FORM}")
    if not most.isdecimal() or int(most) < int(slots):
        raise ValueError("has more slots than max_slots")
    return line["host"], int(slots)
