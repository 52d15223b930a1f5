"""The dotted keys that a profile may have."""

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache

from pydantic import BaseModel

from configs.profile import Profile


@cache
def keys() -> tuple[str, ...]:
    """All of them, sections left out, in the order of the reference page."""
    return tuple(_keys(Profile, ""))


def nearest(key: str) -> str | None:
    """The key that was meant: the most alike, else one that ends in the same word."""
    close = get_close_matches(key, keys(), n=1, cutoff=0.75)
    same_end = [other for other in keys() if other.rpartition(".")[2] == key.rpartition(".")[2]]
    return next(iter([*close, *same_end]), None)


def _keys(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
        inner = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if inner:
            for section in inner:
                yield from _keys(section, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
