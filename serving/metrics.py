"""What Prometheus is told. No text, no name of a person."""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """One application's."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter = partial(Counter, registry=self.registry, namespace="parlance")
        gauge = partial(Gauge, registry=self.registry, namespace="parlance")
        histogram = partial(Histogram, registry=self.registry, namespace="parlance", buckets=SECONDS)
        self.requests = counter("requests", "Requests for a reply, by status", ["status"])
        self.under_way = gauge("requests_under_way", "Requests for a reply under way")
        self.prompt_tokens = counter("prompt_tokens", "Tokens of prompts")
        self.reply_tokens = counter("reply_tokens", "Tokens of replies, as computed")
        self.first = histogram("first_token_seconds", "From the request to the first token")
        self.between = histogram("between_tokens_seconds", "Between two tokens of a reply")
        self.seconds = histogram("request_seconds", "From the request to the end of the reply")
        self.filtered = counter("filtered", "What the filter found", ["direction", "kind", "decision"])
        self.limited = counter("limited", "Requests beyond a limit of their key", ["limit"])
        self.lost = counter("engine_lost", "Jobs that an engine lost", ["engine"])
        self.restarts = counter("engine_restarts", "Embedded engines started again")
        self.engines = gauge("engines_ready", "Engines that are ready")
        self.version = gauge("model_version", "Version of the registry that is served; 0 for a folder")
        self.changes = counter("model_changes", "Versions taken over since the start")

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)
