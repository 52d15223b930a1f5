"""Single bits of files, flipped one after the other, as a disk or a network might."""

import random
from collections.abc import Iterator
from pathlib import Path


def flips(files: list[Path], count: int, seed: int) -> Iterator[Path]:
    """The file in which a bit is flipped, while it is; each file gets as many flips as any other."""
    draw = random.Random(seed)
    for number in range(count):
        file = files[number % len(files)]
        content = file.read_bytes()
        flipped = bytearray(content)
        flipped[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        file.write_bytes(flipped)
        yield file
        file.write_bytes(content)
