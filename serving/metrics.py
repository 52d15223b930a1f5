"""What Prometheus is told. No text, no name of a person."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """One application's."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own = {"registry": self.registry, "namespace": "parlance"}
        self.requests = Counter("requests", "Requests for a reply, by status", ["status"], **own)
        self.under_way = Gauge("requests_under_way", "Requests for a reply under way", **own)
        self.prompt_tokens = Counter("prompt_tokens", "Tokens of prompts", **own)
        self.reply_tokens = Counter("reply_tokens", "Tokens of replies, as computed", **own)
        self.first = Histogram("first_token_seconds", "From the request to the first token", buckets=SECONDS, **own)
        self.between = Histogram("between_tokens_seconds", "Between two tokens of a reply", buckets=SECONDS, **own)
        self.seconds = Histogram("request_seconds", "From the request to the end of the reply", buckets=SECONDS, **own)
        self.filtered = Counter("filtered", "What the filter found", ["direction", "kind", "decision"], **own)
        self.limited = Counter("limited", "Requests beyond a limit of their key", ["limit"], **own)
        self.lost = Counter("engine_lost", "Jobs that an engine lost", ["engine"], **own)
        self.restarts = Counter("engine_restarts", "Embedded engines started again", **own)
        self.engines = Gauge("engines_ready", "Engines that are ready", **own)
        self.version = Gauge("model_version", "Version of the registry that is served; 0 for a folder", **own)
        self.changes = Counter("model_changes", "Versions taken over since the start", **own)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)
