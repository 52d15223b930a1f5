"""The profile that a run was begun with, as every task of the run reads it: profile.json, and its credentials apart.

profile.json is shown, copied into reports of bugs and kept for ever, so its credentials are masked. What they are is
in credentials.json beside it, which only the user whose processes run may read, and which is there only when needed.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from configs.credentials import masked
from configs.profile import Profile
from pipeline.contract.atomic_write import replacing, write_text

PROFILE, CREDENTIALS = "profile.json", "credentials.json"

Place = list[str | int]
"""Keys and indices that lead to a value."""


def write_profile(folder: Path, profile: Profile) -> None:
    """Fixes the profile in a run's folder."""
    values = profile.model_dump(mode="json")
    shown = masked(values)
    hidden = list(_differences(values, shown, []))
    apart = folder / CREDENTIALS
    apart.unlink(missing_ok=True)
    if hidden:
        with replacing(apart, durable=True) as partial:
            partial.touch(mode=0o600)
            partial.write_text(json.dumps(hidden, indent=1, ensure_ascii=False), encoding="utf-8")
    whole = json.dumps(shown, indent=1, ensure_ascii=False) if hidden else profile.model_dump_json(indent=1)
    write_text(folder / PROFILE, whole)


def read_profile(folder: Path) -> Profile:
    """The profile that write_profile fixed, credentials included."""
    text = (folder / PROFILE).read_text(encoding="utf-8")
    apart = folder / CREDENTIALS
    if apart.is_file():
        values = json.loads(text)
        for place, value in json.loads(apart.read_text(encoding="utf-8")):
            node = values
            for key in place[:-1]:
                node = node[key]
            node[place[-1]] = value
        text = json.dumps(values)
    return Profile.model_validate_json(text)


def _differences(value: Any, shown: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """Every value within that is not shown as it is, and where it stands."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _differences(inner, shown[name], [*place, name])
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _differences(inner, shown[index], [*place, index])
    elif value != shown:
        yield place, value
