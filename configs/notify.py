"""Who is told of what, by which of Airflow's connections."""

from typing import Literal

from pydantic import Field, model_validator

from configs.section import Section

Event = Literal["failure", "approval", "promotion", "drift", "late"]
EVENTS: tuple[Event, ...] = ("failure", "approval", "promotion", "drift", "late")


class Told(Section):
    """A connection of Airflow's, and what is told by it."""

    connection: str = Field(
        description="Id of an Airflow connection; its type says how: smtp, slackwebhook or http",
        pattern=r"^[A-Za-z0-9_.-]+$",
    )
    of: tuple[Event, ...] = Field(EVENTS, description="What is told", min_length=1)
    to: tuple[str, ...] = Field((), description="smtp: the addresses that are written to")
    endpoint: str = Field("", description="http: the path on the connection's host that is posted to")


class Notify(Section):
    """Notifications, and the deadline of a stage."""

    by: tuple[Told, ...] = Field((), description="Connections, each with what it tells")
    late_factor: float = Field(
        2.0, gt=1, description="A stage is late after this multiple of what was planned; it goes on"
    )
    late_minutes: float = Field(10.0, ge=0, description="And after this many minutes at least")

    @model_validator(mode="after")
    def _each_once(self) -> "Notify":
        named = [told.connection for told in self.by]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"by: {twice[0]} stands there twice; list all that it tells under `of`")
        return self
