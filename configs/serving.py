"""How the champion is served: where, by which engines, to whom, within which limits, and what the filter does."""

from typing import Literal

from pydantic import Field, field_validator

from configs.section import Section

Decision = Literal["block", "mask", "log", "ignore"]


class AddressedEngine(Section):
    """An OpenAI-compatible engine: vLLM, SGLang, llama.cpp, another `parlance serve`."""

    url: str = Field(pattern=r"^https?://[^\s/@]+(/\S*)?$", description="Base address, as http://gpu1:8000/v1")
    model: str = Field(description="Name under which the engine knows the model")
    api: Literal["completions", "chat"] = Field(
        "completions",
        description="completions: gets the tokens of the prompt (vLLM, SGLang, llama.cpp); chat: gets messages",
    )
    key_variable: str | None = Field(None, description="Environment variable that holds the engine's API key")


class Embedded(Section):
    """Engines that the server starts itself, each a process of its own."""

    processes: int = Field(1, ge=1, le=64, description="How many")
    batch: int | None = Field(
        None, ge=1, le=1024, description="Replies that one process computes at once; empty is 32, on a GPU 256"
    )
    prefill_tokens: int | None = Field(
        None,
        ge=16,
        description="Tokens of prompts that are read between two steps of the replies; empty is 256, on a GPU 4096",
    )
    cache_tokens: int | None = Field(
        None, ge=256, description="Tokens whose keys and values one process holds; empty is its part of free memory"
    )
    threads: int | None = Field(None, ge=1, description="CPU threads of one process; empty shares the cores out")
    cuda_graphs: bool = Field(True, description="On a GPU, launch the next tokens of all replies by one call")


class Filter(Section):
    """What is done with a prompt or reply in which something is found: block refuses, mask replaces, log counts."""

    offensive_in: Decision = Field("log", description="Offensive prompts")
    offensive_out: Decision = Field("block", description="Offensive replies; mask replaces the sentence")
    personal_data_in: Decision = Field("log", description="Personal data in prompts")
    personal_data_out: Decision = Field("mask", description="Personal data in replies that the prompt did not hold")
    prompt_leak_out: Literal["block", "log", "ignore"] = Field(
        "block", description="Replies with the system prompt or marks of a chat template"
    )
    offensive_threshold: float = Field(0.8, ge=0, le=1, description="Least score that is offensive, as clean.rules'")
    hold_back: int = Field(
        120, ge=16, le=2000, description="Characters of a streamed reply that wait until what follows them is known"
    )


class Limits(Section):
    """What one request and one key may take."""

    body_bytes: int = Field(1_000_000, ge=1000, description="Largest body of a request")
    messages: int = Field(500, ge=1, description="Most messages of a request")
    reply_tokens: int = Field(1024, ge=1, description="Most tokens of a reply that max_tokens may ask for")
    default_reply_tokens: int = Field(256, ge=1, description="Tokens of a reply where the request says nothing")
    context_tokens: int | None = Field(
        None, ge=16, description="Prompt and reply together; empty is what the model was trained to hold"
    )
    waiting: int = Field(256, ge=1, description="Requests under way in all; more are answered 503 with Retry-After")
    request_seconds: float = Field(300, gt=0, description="Longest time of a request, the wait included")
    requests_a_minute: int = Field(120, ge=1, description="Of one key, where the key says nothing else")
    tokens_a_minute: int = Field(100_000, ge=1, description="Of one key, prompts and replies, likewise")


class Dialogue(Section):
    """Sessions, memory and feedback. A database's password is in PGPASSWORD, never here; Qdrant is `vectors`' own."""

    database: str | None = Field(
        None,
        description="sqlite:///FILE or postgresql://USER@HOST/NAME; empty is serving/sessions.db under storage.root",
    )
    system: str | None = Field(None, description="System prompt of conversations that the server keeps")
    recalled: int = Field(3, ge=0, le=50, description="Earlier segments told to the model at most; 0 recalls none")
    similarity: float = Field(0.35, ge=-1, le=1, description="Least cosine similarity of what is recalled")
    half_life_days: float = Field(30.0, gt=0, description="Age at which recency has lost half of its weight (days)")
    settled_minutes: float = Field(
        30.0, ge=0, description="A conversation without a message for so long is written as feedback (minutes)"
    )
    unrated: Literal["learn", "context"] = Field(
        "learn", description="Replies that nobody rated, in what is written as feedback: learned from, or context only"
    )
    event_conversations: int = Field(100, ge=1, description="Written conversations after which Airflow is told")
    event_minutes: float = Field(60.0, gt=0, description="Longest time until Airflow is told of fewer (minutes)")
    airflow: str | None = Field(
        None,
        pattern=r"^https?://[^/@\s]+(/\S*)?$",
        description="Airflow's address, told of new conversations; login in AIRFLOW_USERNAME and AIRFLOW_PASSWORD",
    )
    backups: list[str] = Field([], description="Copies of storage.root elsewhere, which an erasure's report names")


class Serving(Section):
    """`parlance serve`."""

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one")
    model: str | None = Field(None, description="Model folder that is served; empty follows the registry's champion")
    follow_seconds: float = Field(2.0, gt=0, le=10, description="Between two looks at the registry")
    engines: list[AddressedEngine] = Field([], description="Engines by address; empty starts embedded ones")
    anonymous: Literal["loopback", "always", "never"] = Field(
        "loopback", description="Who may come without a key: nobody else than this machine's own users, all, nobody"
    )
    allowed_hosts: list[str] = Field([], description="Further names in the header Host that are answered without a key")
    embedded: Embedded = Field(default_factory=Embedded, description="Embedded engines")
    filter: Filter = Field(default_factory=Filter, description="Content filter")
    limits: Limits = Field(default_factory=Limits, description="Limits")
    dialogue: Dialogue = Field(default_factory=Dialogue, description="Sessions, memory and feedback")

    @field_validator("engines")
    @classmethod
    def _distinct(cls, engines: list[AddressedEngine]) -> list[AddressedEngine]:
        urls = [engine.url for engine in engines]
        if len(urls) > len(set(urls)):
            raise ValueError("an address is listed twice; name each engine once")
        return engines
