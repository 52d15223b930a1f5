"""A process that dies amid an erasure."""

from pathlib import Path

import pytest


def crash_at_rename(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raises KeyboardInterrupt in place of the number'th rename, and lets all others be."""
    rename, left = Path.rename, [number]

    def crash(self: Path, target: Path) -> Path:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", crash)
