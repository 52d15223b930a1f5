"""Requests and tokens of each key in a minute: buckets that fill at a steady rate (Turner 1986, leaky bucket)."""

import time
from dataclasses import dataclass, field

from configs.serving import Limits
from serving.api_error import ApiError
from serving.metrics import Metrics
from serving.person import Person

MINUTE = 60.0
MOST_REMEMBERED = 10_000


@dataclass
class Bucket:
    """rate: units a minute, and what it holds when full. It may be overdrawn by what is known only afterwards."""

    rate: float
    left: float = field(init=False)
    filled: float = field(default_factory=time.monotonic)

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

    def request(self, person: Person, tokens: int) -> None:
        """Takes one request and the tokens of its prompt. Raises ApiError 429 with the seconds to wait."""
        requests = self._bucket("requests", person, person.requests_a_minute or self._limits.requests_a_minute)
        used = self._bucket("tokens", person, person.tokens_a_minute or self._limits.tokens_a_minute)
        for name, bucket, units in (("requests", requests, 1), ("tokens", used, tokens)):
            if wait := bucket.wait(units):
                self._metrics.limited.labels(name).inc()
                raise ApiError(
                    429,
                    f"more than {bucket.rate:g} {name} a minute; wait {wait:.0f} s",
                    "rate_limit_exceeded",
                    retry_after=wait,
                )
        requests.left -= 1
        used.left -= tokens

    def reply(self, person: Person, tokens: int) -> None:
        """Takes the tokens of a reply."""
        self._bucket("tokens", person, person.tokens_a_minute or self._limits.tokens_a_minute).left -= tokens

    def _bucket(self, name: str, person: Person, rate: float) -> Bucket:
        key = (name, person.key, rate)
        if key not in self._buckets:
            if len(self._buckets) >= MOST_REMEMBERED:
                self._buckets = {k: b for k, b in self._buckets.items() if b.wait(b.rate) > 0}
            self._buckets[key] = Bucket(rate)
        return self._buckets[key]
