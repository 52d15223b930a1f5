"""A profile of conversations that lie in a file, and the profile of the reference cluster."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.load import load_profile
from configs.profile import Profile

CLUSTER = "configs/profiles/cluster-32xa100.yaml"


@pytest.fixture
def cluster(tmp_path: Path) -> Callable[..., Profile]:
    """cluster("section.key=value", …): the profile as a path, its root empty."""
    return lambda *overrides: load_profile(CLUSTER, [f"storage.root={tmp_path / 'root'}", *overrides])


@pytest.fixture
def demo(tmp_path: Path) -> Callable[..., Profile]:
    """demo("section.key=value", …): the demo profile over 500 conversations of two turns, 40 bytes each."""
    file = tmp_path / "chats.jsonl"
    turns = [{"role": "user", "content": "u" * 15}, {"role": "assistant", "content": "a" * 25}]
    file.write_text("".join(json.dumps({"messages": turns}) + "\n" for _ in range(500)))
    return lambda *overrides: load_profile("scratch", [f"storage.root={tmp_path / 'root'}", *overrides], str(file))
