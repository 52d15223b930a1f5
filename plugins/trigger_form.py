"""The form that Airflow shows when a run is triggered, made from the configuration's own models."""

import json
import math
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from airflow.sdk import Param

from configs.errors import UserError
from configs.guard import Guard, load_guard
from configs.keys import nearest
from configs.load import architecture_names
from configs.profile import Profile
from pipeline.contract.markdown import literal
from pipeline.contract.stages import STAGES
from plugins.profile_values import PRESETS, by_profile, profiles, shown

_TITLES = dict.fromkeys(title for stage in STAGES.values() for title in stage.form)
SECTIONS = {title: tuple(key for stage in STAGES.values() for key in stage.form.get(title, ())) for title in _TITLES}
"""Section of the form to the profile's keys that it offers, as the stages declare; all others go into `overrides`."""

FIELDS = tuple(key for keys in SECTIONS.values() for key in keys)
RUN_FIELDS = ("profile", "data", "overrides")

UNCHANGED = "Empty: as the profile says"


def trigger_params(profile: str = "demo") -> dict[str, Param]:
    """The DAG's params. Each field carries its description, bounds and choices; null leaves the profile's value."""
    guard = load_guard()
    names = guard.names()
    known = profiles(guard)
    params = {
        "profile": Param(
            profile,
            type="string",
            examples=names,  # a list to choose from that also takes the path of a YAML file
            minLength=1,
            title="Profile",
            section="Run",
            description_md=_profiles_told(known),
        ),
        "data": Param(
            None,
            type=["string", "null"],
            title="Data",
            section="Run",
            description="File or folder of conversations, absolute, in a folder that the guard file lists; it replaces "
            "the profile's sources. " + UNCHANGED + ".",
        ),
        "overrides": Param(
            [],
            type="array",
            items={"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_.]*=.*$"},
            title="Further settings",
            section="Run",
            description="Any other setting that the guard file lists, one section.key=value a line; these win over the "
            "fields below",
        ),
    }
    for section, keys in SECTIONS.items():
        params |= {key: _param(key, section, guard, known) for key in keys if guard.permits(key)}
    return params


def overrides_of(params: dict[str, Any]) -> list[str]:
    """`section.key=value` for every field that is filled in, then the further settings.

    Raises UserError for a param that the form does not have, so that a misspelt key in the
    configuration of a triggered run is not passed over in silence.
    """
    known = {*RUN_FIELDS, *FIELDS}
    if unknown := sorted(set(params) - known):
        raise UserError(f"{unknown[0]}: the form has no such field; {_instead(unknown[0])}")
    filled = [f"{key}={json.dumps(params[key])}" for key in FIELDS if params.get(key) is not None]
    return [*filled, *(params.get("overrides") or [])]


def _instead(key: str) -> str:
    """What to do about a key that is no field: it is one of the profile's other keys, or misspelt."""
    fields = get_close_matches(key, (*RUN_FIELDS, *FIELDS), n=1, cutoff=0.75)
    meant = nearest(key)
    if fields or meant in FIELDS:
        return f"did you mean {meant if meant in FIELDS else fields[0]}?"
    if meant is None:
        return "docs/configuration.md lists every key"
    give = f"give it in overrides as {meant}=VALUE"
    return give if meant == key else f"did you mean {meant}? {give}"


def _profiles_told(known: dict[str, Profile]) -> str:
    """The profiles and what they are for, as Markdown."""
    purpose = {name: what for what, name in PRESETS.items()}
    lines = [
        f"- `{name}`{f' ({purpose[name]})' if name in purpose else ''}: {literal(profile.description)}"
        for name, profile in known.items()
    ]
    rest = (
        "or a YAML file in a folder that the guard file lists. The tab *Plan* of this DAG has the same fields with "
        "what the profile says, checks them, and tells what the run would take (hours, GPUs, memory, disk, money)."
    )
    return "\n".join([*lines, "", rest])


@dataclass(frozen=True)
class Field:
    """A field of the page Plan. kind: number, choice or text; attributes: of its input, as HTML names them."""

    key: str
    description: str
    kind: str
    said: str
    choices: tuple[str, ...]
    attributes: dict[str, Any]


def fields(guard: Guard, profile: Profile | None) -> dict[str, list[Field]]:
    """Section to the fields that a trigger may fill in, with what the profile says."""
    offered = {section: [key for key in keys if guard.permits(key)] for section, keys in SECTIONS.items()}
    return {section: [_field(key, guard, profile) for key in keys] for section, keys in offered.items() if keys}


def _field(key: str, guard: Guard, profile: Profile | None) -> Field:
    schema = _bounded(key, guard)
    kind = "choice" if "enum" in schema else "number" if schema["type"] in ("integer", "number") else "text"
    names = {"minimum": "min", "maximum": "max", "pattern": "pattern"}
    attributes = {html: schema[name] for name, html in names.items() if name in schema}
    if kind == "number":
        attributes["step"] = 1 if schema["type"] == "integer" else "any"
    choices = tuple(str(choice) for choice in schema.get("enum", ()))
    return Field(key, schema["description"], kind, shown(profile, key) if profile else "", choices, attributes)


def _param(key: str, section: str, guard: Guard, known: dict[str, Profile]) -> Param:
    schema = _bounded(key, guard)
    description = schema.pop("description")
    schema.pop("default", None)
    unchanged = f"{UNCHANGED}: {by_profile(known, key)}" if known else UNCHANGED
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
        schema["values_display"] = {"null": "as the profile says"}
    if key == "model.name":
        schema["examples"] = architecture_names()
    schema["type"] = [schema["type"], "null"]
    return Param(None, f"{description}. {unchanged}.", schema={**schema, "title": key, "section": section})


def _bounded(key: str, guard: Guard) -> dict[str, Any]:
    """The schema, with the guard's largest value."""
    schema = _schema(key)
    if key in guard.largest:
        schema["maximum"] = min(guard.largest[key], schema.get("maximum", math.inf))
    return schema


@cache
def _profile_schema() -> dict[str, Any]:
    return Profile.model_json_schema()


def _schema(key: str) -> dict[str, Any]:
    """The JSON schema of a scalar field of the profile; of an optional one, that of its value."""
    whole = _profile_schema()
    node: dict[str, Any] = whole
    for part in key.split("."):
        reference = node.get("$ref")
        if reference:
            node = whole["$defs"][reference.rpartition("/")[2]]
        node = dict(node["properties"][part])
    if "anyOf" in node:
        value = next(option for option in node.pop("anyOf") if option["type"] != "null")
        node |= value
    return node
