"""Who makes a request: told by an API key, or nobody in particular."""

from dataclasses import dataclass
from typing import Literal

from fastapi import Request

Role = Literal["anonymous", "user", "operator"]


@dataclass(frozen=True)
class Person:
    """id: of the user that a key was given to; "anonymous" without a key. key: id of the key, for its limits."""

    id: str
    role: Role
    key: str = ""
    requests_a_minute: int | None = None
    tokens_a_minute: int | None = None


ANONYMOUS = Person("anonymous", "anonymous")


async def person(request: Request) -> Person:
    """The dependency of every route that needs to know. Raises ApiError 401 or 403 (serving/guard.py)."""
    found: Person = request.app.state.guard.person_of(request)
    return found
