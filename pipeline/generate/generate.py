"""generate: rows written by a model for topics and groups that the corpus has too little of.

Off unless balance.generator.model says who writes. A model is shown rows of the topic and asked for one more; what it
writes passes the rules that the corpus passed, is about what was asked for, and repeats nothing. Every text is
accounted for. A killed attempt goes on with the texts that it has.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa

from configs.audit import phrases_of
from configs.balance import Generator
from configs.clean import Clean
from configs.deduplicate import Deduplicate
from configs.errors import UserError
from pipeline.contract.execute import StageContext
from pipeline.contract.journal import Journal
from pipeline.contract.pretrained import pretrained_source
from pipeline.contract.progress import say
from pipeline.embed.encoder import Encoder
from pipeline.generate.champion import champion_folder
from pipeline.generate.checks import CleanRules, Reason, Subjects, repeated
from pipeline.generate.prompt import Exchange, Prompt, read
from pipeline.generate.raw_inputs import CHAMPION
from pipeline.generate.served import ServedModel
from pipeline.generate.wanted import Target, targets
from pipeline.generate.writer import Text, Writer
from pipeline.rows.parquet import count_by, write_table
from pipeline.rows.row_id import row_id
from pipeline.rows.schema import DROPPED
from pipeline.rows.turns import turns_of

AUGMENTATION = "generated"
SOURCE = "generated"
BATCH = 8
"""Texts asked for at once."""
ADDED = {"topic": pa.string(), "augmentation": pa.string(), "parent": pa.string()}


def generate(context: StageContext) -> None:
    """data/ the rows kept, with the columns of score, `topic`, `augmentation` and `parent` (null: a text has many;
    the rows that it was asked for with are in its metadata); dropped/ all others. Both are missing when nothing is to
    write.
    """
    settings: Generator = context.config("balance.generator")
    if not settings.model:
        return
    given: dict[str, str | tuple[str, ...]] = context.config("audit.topics")
    topics = {name: phrases_of(described) for name, described in given.items()}
    corpus, seed = context.inputs["deduplicate"], context.config("seed")
    removed = context.inputs["review"].json("decision.json").get("remove") or {}
    wanted = targets(settings, topics, corpus, context.inputs["annotate"], removed, seed)
    if not wanted:
        say("generate: no topic or group is below the share that balance.generator asks for; nothing is written")
        return
    journal = Journal(context.scratch / "texts.journal")
    author = _Author(settings, journal, lambda: writer_of(settings, context), seed)
    clean = Clean(**{name: context.config(f"clean.{name}") for name in ("text", "pii", "translation", "rules")})
    rules = CleanRules(clean)
    subjects = Subjects(topics, Encoder(context.config("embed.model"), context.config("embedding.device")))
    tables: list[pa.Table] = []
    dropped: list[dict[str, Any]] = []
    with context.progress(sum(target.rows for target in wanted)) as progress:
        for target in wanted:
            if not target.pool:
                say(f"generate: {target.kind} {target.name} has no short row to show, and none is written for it")
                continue
            passed = _filled(target, author, rules, subjects, dropped, progress.advance)
            tables += passed
            rows = sum(table.num_rows for table in passed)
            say(f"generate: {target.kind} {target.name}: {rows} of {target.rows} wanted rows")
    _leave(context, tables, dropped)


def _filled(
    target: Target,
    author: "_Author",
    rules: CleanRules,
    subjects: Subjects,
    dropped: list[dict[str, Any]],
    advance: Callable[[int], object],
) -> list[pa.Table]:
    """Rows for a target that pass the rules: as many as wanted, unless its attempts are used up first."""
    kept: list[pa.Table] = []
    have, limit = 0, math.ceil(target.rows * author.settings.attempts)
    for first in range(0, limit, BATCH):
        if have >= target.rows:
            break
        numbers = range(first, min(first + BATCH, limit))
        written = author.written(target, numbers)
        rows = [_row(target, number, exchange, examples, author.settings) for number, _, exchange, examples in written]
        unread = [(row, text) for row, (_, text, exchange, _) in zip(rows, written, strict=True) if exchange is None]
        for row, text in unread:
            proof = json.dumps({"chars": len(text.content), "ended": text.ended})
            dropped.append(_dropped(row, ("cut_off" if not text.ended else "unreadable", proof)))
        table, failed = rules([row for row, (_, _, exchange, _) in zip(rows, written, strict=True) if exchange])
        topics, off = subjects(turns_of(table["messages"]), target)
        reasons = [one or other for one, other in zip(failed, off, strict=True)]
        passing = [place for place, reason in enumerate(reasons) if reason is None]
        for place in passing[target.rows - have :]:
            reasons[place] = ("enough", json.dumps({"wanted": target.rows}))
        dropped += [_dropped(row, why) for row, why in zip(table.to_pylist(), reasons, strict=True) if why]
        stays = pa.array([reason is None for reason in reasons], pa.bool_())
        marks = {"topic": topics, "augmentation": [AUGMENTATION] * len(topics), "parent": [None] * len(topics)}
        for name, values in marks.items():
            table = table.append_column(name, pa.array(values, ADDED[name]))
        kept.append(table.filter(stays))
        have += kept[-1].num_rows
        advance(kept[-1].num_rows)
    return kept


def _leave(context: StageContext, tables: list[pa.Table], dropped: list[dict[str, Any]]) -> None:
    """Drops what repeats the corpus or another text, and writes the rest."""
    limits = Deduplicate(**{n: context.config(f"deduplicate.{n}") for n in ("jaccard", "permutations", "bands")})
    for name in ("data", "dropped"):
        (context.out / name).mkdir()
    made = sum(table.num_rows for table in tables) + len(dropped)
    if tables:
        table = pa.concat_tables(tables)
        again = repeated(turns_of(table["messages"]), context.inputs["deduplicate"], limits)
        rows = table.to_pylist()
        dropped += [_dropped(rows[place], why) for place, why in again.items()]
        table = table.filter(pa.array([place not in again for place in range(table.num_rows)], pa.bool_()))
        context.ledger.rows_out = table.num_rows
        if table.num_rows:
            write_table(table.sort_by("row_id"), context.out / "data" / "part-00000.parquet")
    gone = pa.Table.from_pylist(sorted(dropped, key=lambda row: row["row_id"]), schema=DROPPED)
    write_table(gone, context.out / "dropped" / "part-00000.parquet")
    context.ledger.added = {"written": made}
    context.ledger.dropped = count_by(context.out / "dropped", "rule")
    context.metrics |= {"written": made, "kept": context.ledger.rows_out, "dropped": context.ledger.dropped}


class _Author:
    """Asks the model for texts, or finds them where an earlier attempt left them. writer: loads the model, when it is
    asked at all."""

    def __init__(self, settings: Generator, journal: Journal, writer: Callable[[], Writer], seed: int) -> None:
        self.settings, self._journal, self._load, self._seed = settings, journal, writer, seed
        self._writer: Writer | None = None
        self._texts = {(kind, name, number): Text(*text) for kind, name, number, text in journal.read()}

    def written(self, target: Target, numbers: range) -> list[tuple[int, Text, Exchange | None, list[str]]]:
        """(number, text, exchange read from it, row_ids of the examples) of each attempt."""
        asked = [self._examples(target, number) for number in numbers]
        if any((target.kind, target.name, number) not in self._texts for number in numbers):
            self._writer = self._writer or self._load()
            prompts = [Prompt(target.about, tuple(exchange for _, exchange in examples)) for examples in asked]
            seed = self._seed + hash_of(target) + numbers.start
            texts = self._writer.write(prompts, seed)
            found = {(target.kind, target.name, n): text for n, text in zip(numbers, texts, strict=True)}
            self._journal.append([[*key, [text.content, text.ended]] for key, text in found.items()])
            self._texts |= found
        texts = [self._texts[target.kind, target.name, number] for number in numbers]
        return [
            (number, text, read(text.content, text.ended), [row for row, _ in examples])
            for number, text, examples in zip(numbers, texts, asked, strict=True)
        ]

    def _examples(self, target: Target, number: int) -> list[tuple[str, Exchange]]:
        draw = Random(f"{self._seed}/{target.kind}/{target.name}/{number}")
        return draw.sample(target.pool, min(self.settings.examples, len(target.pool)))


def hash_of(target: Target) -> int:
    """A number below 2^24 that tells targets apart."""
    return Random(f"{target.kind}/{target.name}").getrandbits(24)


def writer_of(settings: Generator, context: StageContext) -> Writer:
    """What writes. Raises UserError when it cannot be had."""
    if settings.served:
        return ServedModel(settings)
    from pipeline.generate.weights import WeightsOnThisMachine

    if settings.model == CHAMPION:
        address = context.config("tracking").address(context.run.root)
        return WeightsOnThisMachine(champion_folder(address, context.config("promote.model_name")), settings)
    try:
        return WeightsOnThisMachine(pretrained_source(settings.model), settings)
    except UserError as error:
        raise UserError(str(error).replace("model.pretrained", "balance.generator.model", 1)) from error


def _row(
    target: Target, number: int, exchange: Exchange | None, examples: list[str], settings: Generator
) -> dict[str, Any]:
    file = f"{target.kind}/{target.name}"
    turns = list(zip(("user", "assistant"), exchange, strict=True)) if exchange else []
    name = row_id(SOURCE, file, number, turns)
    made = {"generator": Path(settings.model).name if not settings.served else settings.served_model}
    return {
        "row_id": name,
        "source": SOURCE,
        "origin": {"file": file, "ordinal": number},
        "conversation_id": name,
        "user_id": None,
        "messages": [{"role": role, "content": content} for role, content in turns],
        "metadata": [*made.items(), ("examples", ",".join(examples))],
    }


def _dropped(row: dict[str, Any], reason: Reason) -> dict[str, Any]:
    rule, proof = reason
    return {**{name: row[name] for name in ("row_id", "source", "origin")}, "rule": rule, "evidence": proof}
