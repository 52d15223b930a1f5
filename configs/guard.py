"""What a trigger may set. Whoever may start a run gains no other right by it.

A run is triggered from Airflow: by its form, its REST API, an event or the clock, and the tab Plan asks the same
question. Everything that comes in that way passes `triggered_profile`. A profile, the guard's file and a command line
belong to people who may do anything on the machine anyway; what they wrote is taken as it is.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, Field

from configs.allowed_paths import within
from configs.credentials import masked
from configs.errors import UserError
from configs.load import HERE, key_and_value, load_profile, read_mapping, validate
from configs.profile import Profile
from configs.review import Review
from configs.section import Section

PROJECT = HERE.parent
FILE, GRANTED, RETRAIN = "PARLANCE_GUARD", "PARLANCE_GRANTED", "PARLANCE_RETRAIN_PROFILE"
"""Environment variables: the guard's file; exact settings that are allowed, as JSON; retrain_chat_model's profile."""

MOST_SETTINGS = 200
LONGEST_SETTING = 10_000
SEVERITIES = get_args(Review.model_fields["max_severity"].annotation)

OWNED = {
    "storage.root": "it says where files are written",
    "storage.cache_gb": "it says how much of a disk is used",
    "spark.master": "it says which machines run the code",
    "spark.conf": "Spark starts programs and opens connections by it",
    "launch.hostfile": "it says which machines run the code",
    "launch.deepspeed": "DeepSpeed writes files and opens connections by it",
    "approval": "it says who may approve",
    "serving": "it says where people talk to the champion, and what is kept of it",
    "notify": "it says which connections and servers are written to",
    "audit.emotion.training_data": "it says which files are read",
    "audit.lexicon": "it says which files are read",
    "balance.generator": "it says which model or server writes rows",
    "balance.selection.examples": "it says which file is read",
    "balance.decontamination": "it decides how far scores can be trusted",
    "findings.reference_audit": "it says which files are read",
    "evaluate.probe_files": "it says which files are read",
    "audit.topic_examples": "it says which file is read",
    "evaluate.tasks": "tasks bring their own code and data",
    "evaluate.task_folder": "tasks bring their own code and data",
}
"""Keys that lead to code, to files or to machines, whatever value they have. No guard file can hand them out."""

DATA = ("acquire.sources", "deduplicate.earlier", "deduplicate.evaluation_sets")
"""Keys that name files to read; their values are checked against `data`, and `hub`."""

MODELS = (
    "embed.model",
    "tokenise.tokenizer",
    "model.pretrained",
    "clean.translation.model",
    "clean.pii.recogniser_model",
)
"""Keys that name a folder of weights or a name on the hub; checked against `models` and `hub`."""

ADDRESSES = ("vectors.url", "tracking.uri")
"""Keys that name a server; checked against `addresses`."""


class Guard(Section):
    """What the operator of a server lets a trigger set. configs/guard.yaml explains every key."""

    keys: list[str] = Field([], description="Keys and sections of a profile")
    profiles: list[str] = Field([], description="Folders of profiles, and single ones")
    data: list[str] = Field([], description="Folders and files of conversations")
    models: list[str] = Field([], description="Folders of models and tokenizers")
    hub: list[str] = Field([], description="Names on the hub, owner/* for all of an owner, and package:NAME")
    addresses: list[str] = Field([], description="Servers of vectors.url and tracking.uri, as http://qdrant:6333")
    largest: dict[str, int | float] = Field({}, description="Key to its largest value")
    files: int = Field(100_000, ge=1, description="Most files in the data of a trigger")
    settings: list[str] = Field([], description="Exact settings, key=value, that are allowed whatever their key")

    @property
    def profile_folders(self) -> list[Path]:
        """Folders of profiles that may be named."""
        return [place for place in map(_place, self.profiles) if place.is_dir()]

    def names(self) -> list[str]:
        """Names of profiles that a trigger may choose."""
        return sorted({p.stem for folder in self.profile_folders for p in folder.glob("*.yaml")})

    def permits(self, key: str) -> bool:
        """Whether a key, or an entry below a listed one, is on the list; that its value may be what it is, is more."""
        return not _owned(key) and any(key == listed or key.startswith(f"{listed}.") for listed in self.keys)


def guard_file() -> Path:
    """$PARLANCE_GUARD, or guard.yaml beside the project's folders, or the one that comes with the project."""
    own = PROJECT / "guard.yaml"
    return Path(os.environ.get(FILE) or (own if own.is_file() else HERE / "guard.yaml"))


def load_guard() -> Guard:
    """The guard of this server. Raises UserError for a file that is wrong: then nothing may be triggered."""
    path = guard_file()
    guard = validate(Guard, read_mapping(path, "a guard file", Guard), str(path))
    for key in guard.keys:
        if _owned(key):
            raise UserError(f"{path}: keys: {key}: {_owned(key)}; only a profile can set it, take it out")
        if not _exists(key):
            raise UserError(f"{path}: keys: {key}: a profile has no such key or section; correct it")
    unknown = [key for key in guard.largest if not _exists(key)]
    if unknown:
        raise UserError(f"{path}: largest: {unknown[0]}: a profile has no such key; correct it")
    granted = json.loads(os.environ.get(GRANTED) or "[]")
    if retrained := os.environ.get(RETRAIN):
        granted.append(f"profile={retrained}")
    return guard.model_copy(update={"settings": [*guard.settings, *granted]})


def triggered_profile(name: str, data: str | None, settings: list[str], operators: list[str]) -> Profile:
    """The profile that a trigger describes.

    name: of a profile, or its path. data: file or folder that replaces its sources. settings: key=value, of whoever
    triggers; operators: of whoever runs the server. Raises UserError, one line that names the key, why it is refused
    and who can change that; nothing that is refused has been read.
    """
    guard = load_guard()
    given = [s for s in settings if s not in guard.settings]
    path = _profile_file(guard, name)
    _check_keys(guard, given)
    if data and f"data={data}" not in guard.settings:
        _check_place("data", data, guard.data, "data", guard.files)
    granted = [s for s in settings if s in guard.settings]
    base = load_profile(path, [*operators, *granted], data)
    if not given:
        return base
    final = load_profile(path, [*operators, *settings], data)
    for key, (before, after) in changes(base, final).items():
        _check_change(guard, key, before, after, final)
    return final


def changes(base: Profile, final: Profile) -> dict[str, tuple[Any, Any]]:
    """Key to its value before and after, of every key that differs, whichever setting did it."""
    old, new = dict(_leaves(base.model_dump(mode="json"), "")), dict(_leaves(final.model_dump(mode="json"), ""))
    differing = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return {
        key: (old.get(key), new.get(key))
        for key in differing
        if not any(other.startswith(f"{key}.") for other in differing)  # a section that was empty, or is
    }


def _leaves(values: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Every key of a profile that is no section. A mapping that users give names to, as audit.topics, is one value."""
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and _section(key):
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _check_keys(guard: Guard, settings: list[str]) -> None:
    """Refuses by the keys alone, before any file is opened."""
    if len(settings) > MOST_SETTINGS:
        raise UserError(f"overrides: {len(settings)} settings; at most {MOST_SETTINGS}, put the others into a profile")
    for setting in settings:
        if len(setting) > LONGEST_SETTING:
            raise UserError(f"overrides: a setting of {len(setting):,} characters; at most {LONGEST_SETTING:,}")
        key, _ = key_and_value(setting)
        if not re.fullmatch(r"[a-z][a-z0-9_]*(\.[A-Za-z0-9_-][A-Za-z0-9 _-]*)*", key):
            raise UserError(f"overrides: {key[:80]!r} is not a key; keys are as in docs/configuration.md")
        _check_key(guard, key)


def _check_key(guard: Guard, key: str) -> None:
    if reason := _owned(key):
        raise UserError(f"{key}: may not be set when a run is triggered, as {reason}; its owner sets it in the profile")
    if guard.permits(key):
        return
    if not _leads_somewhere(key):
        raise UserError(f"{key}: a profile has no such key{_meant(key)}; keys are as in docs/configuration.md")
    never = [owned for owned in OWNED if owned.startswith(f"{key}.")]
    raise UserError(
        f"{key}: may not be set when a run is triggered; the owner of the profile can set it there, and the "
        "operator of this server can allow it under keys in the guard file"
        + (f", but for {' and '.join(never)}" if never else "")
    )


def _check_change(guard: Guard, key: str, before: Any, after: Any, final: Profile) -> None:
    _check_key(guard, key)
    largest = guard.largest.get(key)
    if largest is not None and isinstance(after, int | float) and after > largest:
        raise UserError(
            f"{key}: {after:,} is above {largest:,}; the operator can raise it under largest in the guard file"
        )
    if key == "acquire.sources":
        for source in after:
            _check_source(guard, source, before or [])
    elif key in DATA:
        for place in after:
            run = Path(final.storage.root) / "runs" / place
            if place not in before and not (re.fullmatch(r"[A-Za-z0-9][\w.-]*", place, re.ASCII) and run.is_dir()):
                _check_place(key, place, guard.data, "data", guard.files)
    elif key in MODELS:
        _check_model(guard, key, after)
    elif key in ADDRESSES:
        _check_address(guard, key, after)
    elif key == "review.mode" and before == "human":
        raise UserError(f"{key}: the profile asks a human, and only its owner can change that")
    elif key == "review.max_severity" and SEVERITIES.index(after) > SEVERITIES.index(before):
        raise UserError(f"{key}: {after} lets more pass than the profile's {before}, and only its owner can allow that")


def _check_source(guard: Guard, source: dict[str, Any], before: list[dict[str, Any]]) -> None:
    key = "acquire.sources"
    for name in ("path", "hub"):
        if not source[name] or any(source[name] == other[name] for other in before):
            continue
        if name == "path":
            _check_place(key, source["path"], guard.data, "data", guard.files)
        elif not _on_hub(guard, source["hub"]):
            raise _refused(key, source["hub"], "is not listed", "hub")


def _check_model(guard: Guard, key: str, name: str | None) -> None:
    if name is None or (key == "tokenise.tokenizer" and name in ("train", "pretrained")) or _on_hub(guard, name):
        return
    if name.startswith("package:") or not os.path.isabs(name):
        raise _refused(key, name, "is not listed", "hub")
    _check_place(key, name, guard.models, "models", guard.files)


def _check_address(guard: Guard, key: str, address: str | None) -> None:
    """Exactly a listed one: a path, a query, a user or another port is another address."""
    if address is not None and address not in guard.addresses:
        raise _refused(key, masked(address), "is not listed", "addresses")


def _check_place(key: str, place: str, allowed: list[str], listed: str, most: int) -> None:
    """A path, as it is after `..` and links, is one of the allowed places or lies in one, and so does all it holds."""
    roots = [_place(name) for name in allowed]
    if "\0" in place or not os.path.isabs(place):
        raise UserError(f"{key}: {place!r} is not an absolute path; give one")
    found = Path(os.path.realpath(place))
    if not within(found, roots):
        raise _refused(key, place, "is under no folder that is listed", listed)
    try:
        found.stat()
    except FileNotFoundError:
        pass  # whoever reads it says so
    except OSError as error:
        raise UserError(f"{key}: {place[:200]!r} cannot be read ({error.strerror}); correct it") from None
    count = 0
    for folder, folders, files in os.walk(found):
        for name in (*folders, *files):
            inner = Path(folder, name)
            if inner.is_symlink() and not within(Path(os.path.realpath(inner)), roots):
                raise _refused(key, str(inner), "is a link that leads out of the folders that are listed", listed)
        count += len(files)
        if count > most:
            raise UserError(f"{key}: {place} holds over {most:,} files; the operator can raise files in the guard file")


def _profile_file(guard: Guard, name: str) -> str:
    """The path of the profile that a trigger names. Nothing but names is looked at, whatever lies there."""
    if f"profile={name}" in guard.settings:
        return name
    places = [_place(place) for place in guard.profiles]
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name)
    candidates = [folder / f"{name}.yaml" for folder in guard.profile_folders] if plain else [Path(name)]
    for path in candidates:
        is_path = "\0" not in name and path.is_absolute() and path.suffix in (".yaml", ".yml")
        if is_path and within(Path(os.path.realpath(path)), places) and os.path.isfile(path):
            return str(path)
    raise UserError(
        f"profile: {name[:200]!r} is not a profile that a trigger may choose, which are: {', '.join(guard.names())}; "
        "the operator of this server lists their folders under profiles in the guard file"
    )


def _refused(key: str, value: str, why: str, listed: str) -> UserError:
    return UserError(
        f"{key}: {value[:200]!r} {why} under {listed} in the guard file; the operator of this server can add it, "
        "and the owner of a profile may write it there"
    )


def _on_hub(guard: Guard, name: str) -> bool:
    """Whether a name is listed. One that is also a path would be read from there, so it may not look like one."""
    if name.startswith((".", "/", "~")) or ".." in name or "\\" in name:
        return False
    return any(name == listed or (listed.endswith("/*") and name.startswith(listed[:-1])) for listed in guard.hub)


def _place(name: str) -> Path:
    """A listed folder or file without links; a relative one is the project's."""
    return Path(os.path.realpath(PROJECT / name))


def _owned(key: str) -> str:
    """Why a key is the profile owner's alone; nothing for others."""
    return next((why for owned, why in OWNED.items() if key == owned or key.startswith(f"{owned}.")), "")


def _exists(key: str) -> bool:
    section, _, name = key.rpartition(".")
    model = _section(section)
    return model is not None and name in model.model_fields


def _leads_somewhere(key: str) -> bool:
    """Whether a key is one of a profile, or lies below one that is no section, as in a list or a mapping."""
    parts = key.split(".")
    above = (".".join(parts[:count]) for count in range(1, len(parts)))
    return _exists(key) or any(_exists(part) and _section(part) is None for part in above)


def _meant(key: str) -> str:
    """A guess at the key whose last part was given, as conf of spark.conf."""
    sections = [name for name in Profile.model_fields if _section(name)]
    found = [f"{name}.{key}" for name in sections if _exists(f"{name}.{key}")]
    return f" (did you mean {' or '.join(found[:3])}?)" if found else ""


def _section(key: str) -> type[BaseModel] | None:
    """The model of a section of the profile, by its key; of the whole profile, by none."""
    model: type[BaseModel] = Profile
    for part in key.split(".") if key else ():
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        inner = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
        models = [a for a in inner if isinstance(a, type) and issubclass(a, BaseModel)]
        if not models:
            return None
        model = models[0]
    return model
