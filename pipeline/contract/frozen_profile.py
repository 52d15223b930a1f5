"""The profile that a run was begun with, as every task of the run reads it: profile.json, and its credentials apart.

profile.json is shown, copied into reports of bugs and kept for ever, so its credentials are masked. What they are is
in credentials.json beside it, which only the user whose processes run may read, and which is there only when needed.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from configs.credentials import masked
from configs.profile import Profile
from pipeline.contract.atomic_write import replacing
from pipeline.contract.run_folder import PROFILE
from pipeline.contract.sealed_json import DamagedError, read_sealed, sealed_text, write_sealed

CREDENTIALS = "credentials.json"
BEGIN_AGAIN = "begin the run again: `parlance run --run-id` with its name and its profile"

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
            partial.write_text(sealed_text({"hidden": hidden}), encoding="utf-8")
    write_sealed(folder / PROFILE, shown)


def read_profile(folder: Path) -> Profile:
    """The profile that write_profile fixed, credentials included.

    Raises DamagedError when a file is not what was written, and FileNotFoundError when there is none.
    """
    values = read_sealed(folder / PROFILE, BEGIN_AGAIN)
    apart = folder / CREDENTIALS
    if apart.is_file():
        for place, value in read_sealed(apart, BEGIN_AGAIN)["hidden"]:
            node = values
            for key in place[:-1]:
                node = node[key]
            node[place[-1]] = value
    try:
        return Profile.model_validate_json(json.dumps(values))
    except ValidationError as error:
        raise DamagedError(f"{folder / PROFILE}: is not what was written; {BEGIN_AGAIN}") from error


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
