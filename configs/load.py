"""Reads a profile, applies overrides, and turns every mistake into one line."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from configs import bounded_yaml
from configs.addresses import is_address, last_name
from configs.credentials import masked
from configs.errors import UserError
from configs.model import Architecture
from configs.profile import Profile
from configs.word_list import WordList

M = TypeVar("M", bound=BaseModel)
HERE = Path(__file__).parent


def profile_names() -> list[str]:
    """Names of the profiles that come with the project."""
    return sorted(p.stem for p in (HERE / "profiles").glob("*.yaml"))


def load_profile(name: str, overrides: list[str] | None = None, data: str | None = None) -> Profile:
    """A validated profile.

    name: one of profile_names(), or the path of a YAML file.
    overrides: `section.key=value`, where value is YAML; later ones win.
    data: file or folder that replaces the profile's sources; every file becomes a source.
    Raises UserError naming the file, the key, what is wrong and what would be right.
    """
    path = HERE / "profiles" / f"{name}.yaml" if name in profile_names() else Path(name)
    if not path.is_file():
        raise UserError(f"profile {name!r} is neither a file nor one of: {', '.join(profile_names())}")
    values = read_mapping(path, "a profile", Profile)
    if data:
        values.setdefault("acquire", {})["sources"] = sources_of(data)
    for override in overrides or []:
        _apply(values, override)
    return validate(Profile, values, str(path), [override.partition("=")[0].strip() for override in overrides or []])


def architecture_names() -> list[str]:
    """Names of the architectures that come with the project."""
    return sorted(p.stem for p in (HERE / "models").glob("*.yaml"))


def load_architecture(name: str) -> Architecture:
    """The architecture configs/models/NAME.yaml. Raises UserError when there is none."""
    path = HERE / "models" / f"{name}.yaml"
    if name not in architecture_names():
        known = ", ".join(architecture_names())
        raise UserError(f"model.name: {name!r} is not in configs/models, which has: {known}")
    return validate(Architecture, read_mapping(path, "an architecture", Architecture), str(path))


def sources_of(data: str) -> list[dict[str, Any]]:
    """One source for each file at `data`, named by the file's stem; of an address in an object store, one."""
    if is_address(data):
        return [{"name": _name_of(last_name(data)), "path": data}]
    path = Path(data)
    if not path.exists():
        raise UserError(f"{data}: no such file or folder; give DATA an existing path")
    files = (
        sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".")) if path.is_dir() else [path]
    )
    if not files:
        raise UserError(f"{data}: the folder holds no file; put JSON, JSON Lines, CSV or Parquet files there")
    names: set[str] = set()
    last: dict[str, int] = {}  # stem to the number that it was given last
    sources: list[dict[str, Any]] = []
    for file in files:
        stem = _name_of(file.name)
        name = stem
        while name in names:
            last[stem] = last.get(stem, 1) + 1
            name = f"{stem}-{last[stem]}"
        names.add(name)
        sources.append({"name": name, "path": str(file.resolve())})
    return sources


def _name_of(file: str) -> str:
    return "".join(c if c.isalnum() or c in "_-" else "_" for c in file.split(".")[0]).strip("_-") or "file"


def load_words(path: Path, key: str = "") -> WordList:
    """The words for groups in a file, which a key of the profile may name. Raises UserError for what is wrong in it."""
    if not path.is_file():
        raise UserError(f"{key}: {path} is not a file; name a list of words, or write it in the profile")
    return validate(WordList, read_mapping(path, "a list of words", WordList), str(path))


def read_mapping(path: Path, what: str, model: type[BaseModel]) -> dict[str, Any]:
    """The mapping in a YAML file that is to be `what`, of this model.

    Raises UserError, which never quotes the file: until it has a key of the model, it may be anybody's.
    """
    try:
        with path.open(encoding="utf-8") as file:
            values = bounded_yaml.load(file.read(bounded_yaml.LONGEST + 1))
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: cannot be read (not UTF-8); check that it is a text file") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check that it is a file you may read") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML, or too much of it: {bounded_yaml.said(error)}") from None
    keys = [name for name, field in model.model_fields.items() if field.is_required()] or list(model.model_fields)
    if not isinstance(values, dict) or not values.keys() & set(keys):
        raise UserError(f"{path}: not {what}, which is a mapping with the keys {', '.join(keys)}")
    return values


def key_and_value(setting: str) -> tuple[str, Any]:
    """The dotted key and the value of `section.key=value`, where value is YAML. Raises UserError."""
    key, equals, text = setting.partition("=")
    key = key.strip()
    if not equals or not key:
        raise UserError(f"override {masked(setting)!r} is not of the form section.key=value")
    try:
        return key, bounded_yaml.load(text) if text else None
    except yaml.YAMLError as error:
        raise UserError(f"override {key}: what it is set to is not valid YAML: {bounded_yaml.said(error)}") from None


def _apply(values: dict[str, Any], override: str) -> None:
    key, value = key_and_value(override)
    node: Any = values
    *parents, last = key.split(".")
    for parent in parents:
        if isinstance(node, list):
            node = _element(node, parent, key)
        else:
            if node.get(parent) is None:
                node[parent] = {}
            node = node[parent]
        if not isinstance(node, dict | list):
            raise UserError(f"override {key}: {parent} is a value, not a section")
    if isinstance(node, list):
        _element(node, last, key)
        node[int(last)] = value
    else:
        node[last] = value


def _element(items: list[Any], index: str, key: str) -> Any:
    if not index.isdecimal() or int(index) >= len(items):
        raise UserError(f"override {key}: {index!r} is not an index of a list of {len(items)}")
    return items[int(index)]


def validate(model: type[M], values: dict[str, Any], origin: str, overridden: Sequence[str] = ()) -> M:
    """The model of the values. What is wrong is put down to the overrides of it, else to the file `origin`."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        told: dict[str, list[str]] = {}
        for wrong in error.errors():
            told.setdefault(_overrides_of(wrong["loc"], overridden) or origin, []).append(_explain(model, wrong))
        raise UserError("; ".join(f"{who}: {'; '.join(what)}" for who, what in told.items())) from error


def _overrides_of(loc: tuple[Any, ...], overridden: Sequence[str]) -> str:
    """The overrides that set the key at `loc`, what holds it or part of it; empty when none does."""
    key = ".".join(str(part) for part in loc)
    found = {o for o in overridden if f"{o}.".startswith(f"{key}.") or f"{key}.".startswith(f"{o}.")}
    return f"override {', '.join(sorted(found))}" if found and key else ""


def _explain(model: type[BaseModel], error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"]) or "profile"
    if error["type"] == "extra_forbidden":
        known = _keys_at(model, error["loc"][:-1])
        close = get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(known)}"
        return f"{key}: unknown key; {hint}"
    if error["type"] == "missing":
        return f"{key}: missing; it is required"
    message = error["msg"].removeprefix("Value error, ")
    value = error["input"]
    return f"{key}: {message}" + ("" if isinstance(value, dict | list) else f", found {masked({key: value})[key]!r}")


def _keys_at(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    for part in loc:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(str(part))
        if field is None:
            return []
        inner = [a for a in [field.annotation, *getattr(field.annotation, "__args__", ())] if isinstance(a, type)]
        models = [a for a in inner if issubclass(a, BaseModel)]
        if not models:
            return []
        model = models[0]
    return list(model.model_fields)
