"""How many ranks a launch starts, from its hostfile."""

from pathlib import Path

from configs.errors import UserError
from configs.train import Launch


def world_size(launch: Launch) -> int:
    """Ranks on all machines: launch.ranks on each, or fewer where the hostfile gives fewer slots."""
    if launch.hostfile is None:
        return launch.ranks
    path = Path(launch.hostfile)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"launch.hostfile: {path} cannot be read; each line is: HOST slots=N") from error
    ranks = 0
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        slots = words[1].removeprefix("slots=") if len(words) == 2 and words[1].startswith("slots=") else ""
        if not slots.isdigit():
            raise UserError(f"launch.hostfile: {path}, line {number}: {line.strip()!r} is not of the form HOST slots=N")
        ranks += min(int(slots), launch.ranks)
    if not ranks:
        raise UserError(f"launch.hostfile: {path} names no host; each line is: HOST slots=N")
    return ranks
