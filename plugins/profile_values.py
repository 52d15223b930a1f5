"""What the profiles that a trigger may choose say, for whoever fills in a form."""

from typing import Any

from configs.credentials import masked
from configs.errors import UserError
from configs.guard import Guard
from configs.load import load_profile
from configs.profile import Profile
from pipeline.contract.stage import lookup

PRESETS = {"fine-tuning": "demo", "from scratch": "scratch", "preferences": "preferences"}
"""What somebody wants to do, and the profile of this project that is a beginning for it."""

LONGEST = 60


def profiles(guard: Guard) -> dict[str, Profile]:
    """Name to profile, of those that can be read: one that is wrong is refused when somebody chooses it."""
    found = {}
    for name in guard.names():
        path = next(p for folder in guard.profile_folders if (p := folder / f"{name}.yaml").is_file())
        try:
            found[name] = load_profile(str(path))
        except UserError:
            continue
    return found


def shown(profile: Profile, key: str) -> str:
    """A setting as a person reads it, without credentials; "empty" where there is none."""
    value: Any = masked({key: lookup(profile, key)})[key]
    if value is None or value == "":
        return "empty"
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def by_profile(known: dict[str, Profile], key: str) -> str:
    """What each profile says: one value where all say the same, else the values and whose they are."""
    names: dict[str, list[str]] = {}
    for name, profile in known.items():
        names.setdefault(shown(profile, key), []).append(name)
    if len(names) == 1:
        return next(iter(names))
    return ", ".join(f"{value} in {' and '.join(of)}" for value, of in names.items())
