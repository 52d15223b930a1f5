"""Requests and tokens of each key in a minute: buckets that fill at a steady rate (Turner 1986, leaky bucket)."""

import time
from dataclasses import dataclass, field
from typing import Literal

from configs.serving import Limits
from serving.api_error import ApiError
from serving.metrics import Metrics
from serving.person import Person

Unit = Literal["requests", "tokens"]
MINUTE = 60.0
MOST_REMEMBERED = 10_000


@dataclass
class Bucket:
    """rate: units a minute, and what it holds when full. It may be overdrawn by what is known only afterwards."""

    rate: float
    left: float = field(init=False)
    filled: float = field(default_factory=lambda: time.monotonic())

    def __post_init__(self) -> None:
        self.left = self.rate

    def wait(self, units: float) -> float:
        """Seconds until so many are there."""
        now = time.monotonic()
        self.left = min(self.rate, self.left + (now - self.filled) * self.rate / MINUTE)
        self.filled = now
        return max(0.0, (min(units, self.rate) - self.left) * MINUTE / self.rate)


class Rates:
    """Of this server; each server of several counts its own."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits, self._metrics = limits, metrics
        self._buckets: dict[tuple[str, str, float], Bucket] = {}

    def request(self, person: Person) -> None:
        """Takes one request. Raises ApiError 429 with the seconds to wait."""
        self._take("requests", person, 1)

    def prompt(self, person: Person, tokens: int) -> None:
        """Takes the tokens of a prompt. Raises ApiError 429."""
        self._take("tokens", person, tokens)

    def reply(self, person: Person, tokens: int) -> None:
        """Takes the tokens of a reply, which nobody knew before."""
        self._bucket("tokens", person).left -= tokens

    def _take(self, name: Unit, person: Person, units: int) -> None:
        bucket = self._bucket(name, person)
        if wait := bucket.wait(units):
            self._metrics.limited.labels(name).inc()
            said = f"more than {bucket.rate:g} {name} a minute; wait {wait:.0f} s"
            raise ApiError(429, said, "rate_limit_exceeded", retry_after=wait)
        bucket.left -= units

    def _bucket(self, name: Unit, person: Person) -> Bucket:
        own = person.requests_a_minute if name == "requests" else person.tokens_a_minute
        usual = self._limits.requests_a_minute if name == "requests" else self._limits.tokens_a_minute
        key = (name, person.key, rate := own or usual)
        if key not in self._buckets:
            if len(self._buckets) >= MOST_REMEMBERED:
                self._buckets = {k: b for k, b in self._buckets.items() if b.wait(b.rate) > 0}
            self._buckets[key] = Bucket(rate)
        return self._buckets[key]
