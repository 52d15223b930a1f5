"""Prints docs/configuration.md from the configuration models: python -m configs.reference."""

from typing import Any

from pydantic import BaseModel

from configs.profile import Profile

HEAD = """\
# Configuration reference

Every key of a profile, from the models that validate it (`python -m configs.reference` prints this
page). Set a key in a YAML profile, on the command line with `-o section.key=value`, or, where the guard file
lists it ([security](security.md)), when a run is triggered. Secrets are never in a profile: they come from Airflow
connections or the environment.
"""


def reference() -> str:
    """The page, as Markdown."""
    lines = [HEAD, "## Top level\n", *_table(Profile, "")]
    for name, field in Profile.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            lines += _section(name, field.annotation)
    return "\n".join(lines) + "\n"


def _section(key: str, model: type[BaseModel]) -> list[str]:
    lines = [f"\n## {key}\n", f"{' '.join((model.__doc__ or '').split())}\n", *_table(model, f"{key}.")]
    for name, field in model.model_fields.items():
        for inner in _models(field.annotation):
            lines += _section(f"{key}.{name}", inner)
    return lines


def _table(model: type[BaseModel], prefix: str) -> list[str]:
    schema = model.model_json_schema()
    rows = []
    for name, field in model.model_fields.items():
        if _models(field.annotation) and isinstance(field.annotation, type):
            continue
        described = schema["properties"][name]
        default = "required" if field.is_required() else f"`{described.get('default')}`"
        rows.append(f"| `{prefix}{name}` | {_type(described)} | {default} | {field.description} |")
    return ["| key | values | default | meaning |", "|---|---|---|---|", *rows] if rows else []


def _models(annotation: Any) -> list[type[BaseModel]]:
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]


def _type(described: dict[str, Any]) -> str:
    if "anyOf" in described:
        return " or ".join(_type(option) for option in described["anyOf"])
    if "enum" in described:
        return ", ".join(f"`{value}`" for value in described["enum"])
    if "const" in described:
        return f"`{described['const']}`"
    kind = {"null": "empty", "array": "list", "object": "mapping", "boolean": "true or false"}.get(
        described.get("type", ""), described.get("type", "section")
    )
    signs = (("minimum", "≥ "), ("exclusiveMinimum", "> "), ("maximum", "≤ "), ("exclusiveMaximum", "< "))
    bounds = [f"{sign}{described[key]:g}" for key, sign in signs if key in described]
    return kind + (f" {', '.join(bounds)}" if bounds else "")


if __name__ == "__main__":
    print(reference(), end="")
