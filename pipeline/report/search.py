"""The corpus searched by meaning, with what was dropped near what is found, and the story of a row."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from configs.errors import UserError
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.index.search import Searcher
from pipeline.index.store import Hit, Where
from pipeline.report.dropped_examples import messages_of
from pipeline.report.dropped_near import DroppedNear
from pipeline.report.explain import explain, whole_id

MOST = 200
LONGEST = 10_000


class Query(BaseModel):
    """What is looked for: near a text, or near a row. state: kept, dropped or all. least: the lowest cosine."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field("", max_length=LONGEST)
    row: str = Field("", pattern=r"^[0-9a-f]{0,32}$")
    source: list[str] = []
    topic: list[str] = []
    split: list[str] = []
    user: list[str] = []
    state: str = Field("all", pattern="^(kept|dropped|all)$")
    least: float | None = Field(None, ge=-1, le=1)
    limit: int = Field(10, ge=1, le=MOST)

    @model_validator(mode="after")
    def _one(self) -> "Query":
        if bool(self.text.strip()) == bool(self.row):
            raise ValueError("a text or a row is looked for, and not both")
        return self

    @property
    def where(self) -> Where:
        named = {"source": self.source, "topic": self.topic, "split": self.split, "user": self.user}
        return {key: values for key, values in named.items() if values}


class Search:
    """A run's corpus, opened for searches. Raises UserError when the run has no index."""

    def __init__(self, run: Run) -> None:
        self._run, self._searcher, self._dropped = run, Searcher(run), DroppedNear(run)

    def close(self) -> None:
        self._searcher.close()

    def __call__(self, query: Query) -> dict[str, Any]:
        """{row, story, messages} of the row that was asked for (None, [] and None without one), hits: {row_id, score,
        source, topic, split, user, segment, text} each, dropped: {row_id, source, stage, rule, evidence, near, score,
        messages} each, and notes: what was not looked at. Raises UserError."""
        row = whole_id(self._run, query.row) if query.row else None
        messages = self._messages(row) if row else None
        vectors_QD = self._searcher.of_row(row) if row else self._searcher.of_text(query.text)
        if not len(vectors_QD) and messages:
            vectors_QD = self._searcher.of_text("\n".join(message["content"] for message in messages))
        notes = self._dropped.notes()
        if not len(vectors_QD):
            notes.append("the row was dropped before it had a vector, and its text is not shown: it has no neighbours")
        hits: list[Hit] = []
        if len(vectors_QD):
            hits = self._searcher.rows(vectors_QD, query.limit, query.where, query.least, but=row)
        dropped: list[dict[str, Any]] = []
        if query.state != "kept":
            near = [*([row] if row else []), *(hit.row_id for hit in hits)]
            named = self._dropped.naming(near, query.limit)
            vectors = self._dropped.by_vector(vectors_QD, query.limit, query.where, query.least)
            dropped = _distinct([*named, *vectors], row)
        return {
            "row": row,
            "story": explain(self._run, row) if row else [],
            "messages": messages,
            "hits": [] if query.state == "dropped" else [_shown(hit) for hit in hits],
            "dropped": dropped,
            "notes": notes,
        }

    def _messages(self, row: str) -> list[dict[str, str]] | None:
        """What the row says, as the last stage has it whose text may be shown."""
        for name in reversed(STAGES):
            if STAGES[name].holds == "conversations":
                found = messages_of(self._run.find(name), [row])
                if row in found:
                    return [dict(message) for message in found[row]["messages"]]
        return None


def _distinct(rows: Iterable[dict[str, Any]], but: str | None) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["row_id"] != but:
            found.setdefault(row["row_id"], row)
    return [*found.values()]


def _shown(hit: Hit) -> dict[str, Any]:
    names = ("source", "topic", "split", "user", "segment", "text")
    return {"row_id": hit.row_id, "score": round(hit.score, 4), **{name: hit.payload.get(name) for name in names}}


def refused(error: Exception) -> UserError:
    """What pydantic says of a query, as one line."""
    problems: list[dict[str, Any]] = getattr(error, "errors", list)()
    lines = [f"{'.'.join(map(str, p['loc'])) or 'query'}: {p['msg']}" for p in problems] or [str(error)]
    return UserError("search: " + "; ".join(lines))
