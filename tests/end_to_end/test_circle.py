"""The circle: people talk to the champion, correct it, it is trained anew, the gate decides, the server follows; and
one of them is erased from all of it."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from configs.load import load_profile
from eval.registry import champion, numbered
from pipeline.contract.artifact import Artifact
from pipeline.contract.run import Run
from tests.artifacts import files_with
from tests.end_to_end.conftest import PROJECT, SMALL, parlance

pytestmark = pytest.mark.circle

WORD = "zyzzyva"
"""Nobody says it but ada."""

THINGS = ("garden", "kitchen", "office", "village", "school", "market", "library", "museum", "forest", "harbour")
SETTINGS = [
    *SMALL,
    "promote.min_items=1",
    "serving.dialogue.settled_minutes=0",
    "serving.filter.offensive_out=ignore",
    "serving.filter.personal_data_out=ignore",
    "serving.filter.prompt_leak_out=ignore",
    "serving.limits.default_reply_tokens=8",
    "spark.master=local[2]",
]


@dataclass
class Circle:
    """A root in which two runs have been made, the second over what people said to the first one's model."""

    root: Path
    profile: Path
    url: str
    keys: dict[str, str]
    said: dict[str, Any]

    def client(self, user: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.keys[user]}"}, timeout=120)

    def run(self, *more: str, until: str = "promote") -> Run:
        settings = [part for setting in (*SETTINGS, *more) for part in ("-o", setting)]
        done = parlance(self.root, "run", "--profile", str(self.profile), "--until", until, *settings, seconds=3600)
        assert done.status == 0, done.output[-4000:]
        return Run.open(self.root)


def write_profile(path: Path, sources: list[dict[str, Any]]) -> Path:
    values = yaml.safe_load((PROJECT / "configs/profiles/scratch.yaml").read_text())
    values["acquire"]["sources"] += sources
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="module")
def circle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Circle]:
    kept = os.environ.get("PARLANCE_TEST_CIRCLE")  # of an attempt that ended before anybody talked
    folder = Path(kept) if kept else tmp_path_factory.mktemp("circle")
    root = folder / "root"
    found = Circle(root, write_profile(folder / "first.yaml", []), "", {}, {})
    found.run()
    for user in ("ada", "bob"):
        made = parlance(root, "keys", "add", "--user", user)
        assert made.status == 0, made.output
        found.keys[user] = re.findall(r"\S{30,}", made.output)[-1]
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--root", str(root), "--profile", str(found.profile)]
    settings = [part for setting in (*SETTINGS, "serving.port=0") for part in ("-o", setting)]
    environment = {**os.environ, "PARLANCE_ROOT": str(root), "PYTHONUNBUFFERED": "1"}
    log = (folder / "serve.log").open("w+")
    server = subprocess.Popen([*command, *settings], cwd=PROJECT, env=environment, stdout=log, stderr=log)
    try:
        found.url = await_(
            lambda: next(iter(re.findall(r"(http://[\d.:]+)/v1", (folder / "serve.log").read_text())), "")
        )
        await_(lambda: httpx.get(f"{found.url}/readyz").status_code == 200)
        yield found
    finally:
        server.terminate()
        server.wait(60)
        log.close()


def await_(condition: Any, seconds: float = 120) -> Any:
    """What a condition gives once it gives something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if found := condition():
                return found
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s")


def talk(client: httpx.Client, said: str, correction: str) -> None:
    body = {"model": "parlance-chat", "conversation": "new", "messages": [{"role": "user", "content": said}]}
    model = client.get("/v1/models").json()["data"][0]["id"]
    reply = client.post("/v1/chat/completions", json=body | {"model": model}).raise_for_status().json()
    judged = {"rating": -1, "correction": correction}
    client.post(f"/v1/messages/{reply['message_id']}/feedback", json=judged).raise_for_status()


def rows(artifact: Artifact, user: str) -> list[dict[str, Any]]:
    return [row for row in artifact.read().to_table().to_pylist() if row["user_id"] == user]


def test_what_people_said_and_corrected_trains_the_next_champion_and_one_of_them_is_erased(circle: Circle) -> None:
    first = Run.open(circle.root)
    uri, name = first.profile.tracking.address(circle.root), first.profile.promote.model_name
    before = champion(uri, name)
    assert before is not None

    with circle.client("ada") as ada, circle.client("bob") as bob:
        for client in (ada, bob):
            client.put("/v1/consent", json={"training": True}).raise_for_status()
        for thing in THINGS:
            talk(
                ada,
                f"I found a {WORD} in the {thing} this morning, what should I do?",
                f"Take the {WORD} back to the {thing} and let it go.",
            )
            talk(
                bob,
                f"I lost my keys in the {thing} this morning, what should I do?",
                f"Go back to the {thing} and look under the table.",
            )
        written = circle.root / "feedback" / "preferences-000001.jsonl"
        await_(lambda: written.is_file() and len(written.read_text().splitlines()) == 2 * len(THINGS))

        theirs = circle.root.parent / "elsewhere.jsonl"
        turns = [
            {"role": "user", "content": f"Is a {WORD} a kind of beetle?"},
            {"role": "assistant", "content": "Yes."},
        ]
        theirs.write_text(json.dumps({"user_id": "ada", "messages": turns}) + "\n")
        sources = [{"name": "feedback", "path": str(circle.root / "feedback")}, {"name": "old", "path": str(theirs)}]
        circle.profile = write_profile(circle.root.parent / "second.yaml", sources)
        second = circle.run("train.steps=60")
        read = Counter(row["origin"]["file"] for row in rows(second.artifact("acquire"), "ada"))
        assert (read["preferences-000001.jsonl"], read["elsewhere.jsonl"]) == (len(THINGS), 1)
        pairs = [json.loads(line) for line in written.read_text().splitlines()]
        replied = sum(bool(pair["rejected"][0]["content"].strip()) for pair in pairs)  # it may have nothing to say
        assert second.artifact("acquire").metrics["feedback"].get("rejected_sides", 0) == replied
        assert files_with(second.artifact("tokenise").path, WORD)
        promotion = second.artifact("promote").json("promotion.json")
        assert promotion["decision"] in ("promoted", "kept_champion")
        if promotion["decision"] == "promoted":
            version = f"version-{promotion['version']}"
            await_(lambda: str(bob.get("/v1/models").json()["data"][0]["version"]) == version, seconds=120)
        talk(bob, "Good evening, how are you today?", "Very well, thank you.")
        talk(ada, f"Call me {WORD.title()}.", "Gladly.")

        erased = parlance(circle.root, "erase", "--user", "ada", "--profile", str(circle.profile), seconds=300)
        assert erased.status == 0, erased.output
        assert files_with(circle.root, WORD) == []
        assert files_with(circle.root, WORD.title()) == []
        assert parlance(circle.root, "verify").status == 0
        assert ada.get("/v1/conversations").status_code == 401
        assert len(bob.get("/v1/conversations").json()["data"]) == len(THINGS) + 1

    [certificate] = (circle.root / "erasures").glob("erasure-*.json")
    checked = parlance(circle.root, "erase", "--check", str(certificate))
    assert checked.status == 0, checked.output
    statement = json.loads(certificate.read_text())["statement"]
    assert "ada" not in json.dumps({k: v for k, v in statement.items() if k != "root"}).split('"')
    assert statement["sources_not_ours"] == {"old/elsewhere.jsonl": 1}
    [model] = statement["models"]
    assert model["rows"] > 0
    assert f"{model['rows']:,} of the rows" in (second.artifact("promote").path / "model/README.md").read_text()
    if promotion["version"]:
        assert numbered(uri, name, promotion["version"]).tags["erased_rows"] == str(model["rows"])

    third = circle.run(until="acquire")
    assert rows(third.artifact("acquire"), "ada") == []
    assert third.artifact("acquire").ledger.dropped["erased"] == 1  # of the file that is not ours
    assert len(rows(third.artifact("acquire"), "bob")) >= len(THINGS)
    assert third.fingerprint("acquire") != second.fingerprint("acquire")
    assert load_profile(str(circle.profile)).acquire.sources[-1].name == "old"
