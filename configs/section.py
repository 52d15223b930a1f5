"""The base of every configuration section."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of a profile: immutable, and strict about unknown keys.

    Every field carries its description, its unit and its bounds, because the same models give
    the trigger form, the reference page and the errors that a user sees.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
