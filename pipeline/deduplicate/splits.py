"""Train, validation and test: which rows belong together, and where they go."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.deduplicate import Deduplicate
from configs.errors import UserError
from pipeline.deduplicate.connected_components import COMPONENTS, EDGES, components_of
from pipeline.deduplicate.exchanges import LEAST_PROMPT_WORDS
from pipeline.deduplicate.row_decisions import SPLITS
from pipeline.rows.ranges import Ranges
from pipeline.rows.splitmix import mix
from pipeline.spark.blocks import Batches, Received, cut, told
from pipeline.spark.draw import uniforms
from pipeline.spark.exchange import Exchange, Sent

LEAST_ROWS = 20
"""Fewer rows cannot be split three ways."""


BINDING = (0, LEAST_PROMPT_WORDS, None)
"""Prompts of at least so many words bind rows together; in a group that is too large only those of the next number,
in the end none (None)."""

MOST_PROMPT_SHARE = 0.5
"""A prompt of more rows than this is the form of the corpus ("Write a poem."), and binds nothing."""

MOST_CHAINED_SHARE = 0.1
"""Groups that are too large to be held out may hold so much of the rows together; what is held out falls short by as
much."""

KEPT = pa.schema(
    {name: pa.int64() for name in ("ordinal", "own", "user", "first", "second", "third", "prompt_key")}
    | {"prompt_words": pa.int32()}
)
"""A row that stays so far. own: 64-bit hash of the row_id. user: its key, or null. first, second, third: of the user,
conversation or cluster that binds the row to others; null where there are fewer. prompt_key: null without a prompt."""

BOUND = pa.schema([*KEPT, pa.field("binds", pa.bool_())])
"""first: the key that a row goes by, its own or its prompt's where nothing else binds it. binds: whether its prompt
links it to others."""

GROUPED = pa.schema(
    [*BOUND, *pa.schema({"group": pa.int64(), "group_rows": pa.int64(), "opens": pa.bool_(), "drawn": pa.int64()})]
)
"""opens: of one row of each group. drawn: the key that its split is drawn by."""

ASKED = pa.schema({"prompt": pa.int64(), "rows": pa.int64(), "task": pa.int64()})
SEVERAL = pa.schema({"prompt": pa.int64()})
WANTED = pa.schema({"first": pa.int64(), "task": pa.int64()})
FOUND = pa.schema({"first": pa.int64(), "group": pa.int64()})
PART = pa.schema(
    {name: pa.int64() for name in ("group", "task", "rows", "ordinal", "first", "last", "prompt", "last_prompt")}
    | {"user": pa.int64(), "bound": pa.int64()}
)
"""What a group's rows in one task have: how many, the least ordinal, first, user and prompt that binds, the least and
greatest prompt."""
WHOLE = pa.schema({name: pa.int64() for name in ("group", "group_rows", "ordinal", "drawn")})
SIZES = pa.schema({"groups": pa.int64(), "largest": pa.int64(), "chained": pa.int64()})
PLACED = pa.schema({"ordinal": pa.int64(), "group": pa.int64(), "split": pa.string()})
COUNTED = pa.schema({"split": pa.string(), "group_rows": pa.int64(), "draw": pa.float64(), "group": pa.int64()})
SMALLEST = [("group_rows", "ascending"), ("draw", "ascending"), ("group", "ascending")]
PROMPTS = pa.schema({"prompt": pa.int64(), "rows": pa.int64()})


@dataclass(frozen=True)
class Grouping:
    """Finds the groups of rows in `tasks` tasks. Rows stay in their task, however many of them one key or group has;
    tasks tell each other of keys, once each.

    kept: `rows` rows of KEPT, evenly among the tasks. Rows of one cluster, conversation, user or prompt share a group,
    and so do rows that are linked through several of them. The answers to one prompt stay together, however many they
    are. Where several prompts link so many users, conversations and clusters that groups too large to be held out hold
    more than MOST_CHAINED_SHARE, prompts bind less (see BINDING): there a row goes with its user, conversation or
    cluster, and one that has none with its prompt.
    """

    exchange: Exchange
    kept: Sent
    rows: int
    config: Deduplicate
    tasks: int
    scratch: Path

    def groups(self) -> tuple[Sent, dict[str, int]]:
        """GROUPED of all rows, and the metrics groups and largest_group."""
        grouped, sizes = self._bound(None)
        if sizes["largest_group"] > MOST_PROMPT_SHARE * self.rows and (form := self._form()) is not None:
            return self._bound(form)
        return grouped, sizes

    def _form(self) -> int | None:
        """The prompt of more than MOST_PROMPT_SHARE of the rows: it is one of as many of the rows of some task."""

        def frequent(received: Received) -> Batches:
            prompts, counts, rows = _prompts(received)
            most = counts > MOST_PROMPT_SHARE * rows
            yield from told("prompts", pa.table([prompts[most], counts[most]], schema=PROMPTS))

        asked = self.exchange.gather(self.exchange.step([self.kept], self.tasks, frequent), "prompts", PROMPTS)
        candidates = pc.unique(asked["prompt"]).to_numpy()

        def counted(received: Received) -> Batches:
            prompts, counts, _ = _prompts(received)
            there = np.isin(prompts, candidates)
            yield from told("prompts", pa.table([prompts[there], counts[there]], schema=PROMPTS))

        found = self.exchange.gather(self.exchange.step([self.kept], self.tasks, counted), "prompts", PROMPTS)
        for row in found.group_by("prompt").aggregate([("rows", "sum")]).to_pylist():
            if row["rows_sum"] > MOST_PROMPT_SHARE * self.rows:
                return int(row["prompt"])
        return None

    def _bound(self, form: int | None) -> tuple[Sent, dict[str, int]]:
        """form: a prompt that counts as none."""

        def begun(received: Received) -> Batches:
            rows = received.table("kept", KEPT)
            prompt = rows["prompt_key"]
            if form is not None:
                prompt = pc.if_else(pc.equal(prompt, form), None, prompt)
            first = pc.coalesce(rows["first"], prompt, rows["own"])
            columns = {**{name: rows[name] for name in KEPT.names}, "first": first, "prompt_key": prompt}
            bound = pa.table({**columns, "binds": np.ones(rows.num_rows, bool)}).select(BOUND.names)
            yield from _kept(received, bound)

        grouped = self.exchange.step([self.kept], self.tasks, begun)
        names = {0: "groups", None: "groups without prompts"}
        crowded = max(1, int(min(self.config.test_share, self.config.validation_share) * self.rows))
        narrowed: Callable[[pa.Table], pa.Table] = _as_they_are
        for least, following in pairwise((*BINDING, None)):
            name = names.get(least, f"groups by prompts of {least} words")
            if form is not None:
                name += " but the form"
            grouped, found = self._grouped(grouped, narrowed, crowded, name)
            if least is None or pc.sum(found["chained"]).as_py() <= MOST_CHAINED_SHARE * self.rows:
                sizes = {"groups": pc.sum(found["groups"]).as_py(), "largest_group": pc.max(found["largest"]).as_py()}
                return grouped, sizes
            narrowed = _narrowed(crowded, following)
        raise AssertionError("the last of BINDING ends the search")

    def _grouped(
        self, rows: Sent, narrowed: Callable[[pa.Table], pa.Table], crowded: int, name: str
    ) -> tuple[Sent, pa.Table]:
        """GROUPED where the rows are, and SIZES. rows: BOUND or GROUPED. narrowed: changes what binds."""
        exchange, tasks, label, home = self.exchange, self.tasks, f"deduplicate: {name}", _home(self.tasks)

        def linking(received: Received) -> Batches:
            bound = narrowed(received.table("rows", BOUND)).select(BOUND.names)
            yield from _kept(received, bound)
            for other in ("second", "third"):
                links = bound.filter(bound[other].is_valid())
                yield from told("edges", pa.table([links["first"], links[other]], schema=EDGES))
            prompts, counts = np.unique(bound["prompt_key"].drop_null().to_numpy(), return_counts=True)
            asked = [prompts, counts, np.full(len(prompts), received.target)]
            yield from cut("asked", pa.table(asked, schema=ASKED), home(prompts))
            firsts = np.unique(bound["first"].to_numpy())
            wanted = pa.table([firsts, np.full(len(firsts), received.target)], schema=WANTED)
            yield from cut("wanted", wanted, home(firsts))

        def of_several(received: Received) -> Batches:
            """Prompts of more than one row: most have one."""
            asked = received.table("asked", ASKED)
            _, prompt = np.unique(asked["prompt"].to_numpy(), return_inverse=True)
            counts = np.bincount(prompt, asked["rows"].to_numpy())
            asked = asked.filter(pa.array(counts[prompt] > 1))
            yield from cut("several", asked.select(SEVERAL.names), asked["task"].to_numpy())

        def linking_prompts(received: Received) -> Batches:
            bound, several = received.table("rows", BOUND), received.table("several", SEVERAL)
            links = bound.filter(pc.and_(bound["binds"], pc.is_in(bound["prompt_key"], several["prompt"])))
            links = links.filter(pc.not_equal(links["prompt_key"], links["first"]))
            pairs = links.group_by(["first", "prompt_key"]).aggregate([])
            yield from told("edges", pairs.select(["first", "prompt_key"]).rename_columns(EDGES.names))

        def located(received: Received) -> Batches:
            """The group of each key that is linked to others; any other is a group of its own."""
            wanted, linked = received.table("wanted", WANTED), received.table("components", COMPONENTS)
            there, at = _places(linked["vertex"].to_numpy(), wanted["first"].to_numpy())
            found = [wanted["first"].filter(pa.array(there)), linked["component"].take(pa.array(at[there]))]
            yield from cut("found", pa.table(found, schema=FOUND), wanted["task"].to_numpy()[there])

        def joined(received: Received) -> Batches:
            bound, found = received.table("rows", BOUND), received.table("found", FOUND)
            group = bound["first"].to_numpy().copy()
            there, at = _places(found["first"].to_numpy(), group)
            group[there] = found["group"].to_numpy()[at[there]]
            bound = bound.append_column("group", pa.array(group))
            yield from _kept(received, bound)
            part = _part(bound, received.target)
            yield from cut("parts", part, home(part["group"].to_numpy()))

        def merged(received: Received) -> Batches:
            parts = received.table("parts", PART)
            whole, sizes = _merged(parts, crowded)
            _, at = _places(whole["group"].to_numpy(), parts["group"].to_numpy())
            yield from cut("whole", whole.take(pa.array(at)), parts["task"].to_numpy())
            yield from told("sizes", sizes)

        def measured(received: Received) -> Batches:
            rows = received.table("rows", pa.schema([*BOUND, ("group", pa.int64())]))
            whole = received.table("whole", WHOLE)
            _, at = _places(whole["group"].to_numpy(), rows["group"].to_numpy())
            its = whole.take(pa.array(at))
            opens = pc.equal(rows["ordinal"], its["ordinal"])
            for column, values in (("group_rows", its["group_rows"]), ("opens", opens), ("drawn", its["drawn"])):
                rows = rows.append_column(column, values)
            yield from _kept(received, rows)

        linked = exchange.done(f"{label} linked", exchange.step([rows], tasks, linking))
        several = exchange.step([linked], tasks, of_several)
        prompted = exchange.done(f"{label} by prompts", exchange.step([linked, several], tasks, linking_prompts))
        components = components_of(exchange, [linked, prompted], self.scratch / name.replace(" ", "-"), home)
        found = exchange.step([linked, components], tasks, located)
        frame = exchange.done(f"{label} joined", exchange.step([linked, found], tasks, joined))
        whole = exchange.done(f"{label} whole", exchange.step([frame], tasks, merged))
        grouped = exchange.done(label, exchange.step([frame, whole], tasks, measured))
        return grouped, exchange.gather(whole, "sizes", SIZES)


def _kept(received: Received, rows: pa.Table) -> Batches:
    """Rows that stay in their task."""
    yield from cut("rows", rows, np.full(rows.num_rows, received.target))


def _places(keys: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(whether each of `wanted` is one of `keys`, which are distinct; where)"""
    if not len(keys):
        return np.zeros(len(wanted), bool), np.zeros(len(wanted), np.int64)
    order = np.argsort(keys)
    at = order[np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)]
    return keys[at] == wanted, at


def _home(tasks: int) -> Callable[[np.ndarray], np.ndarray]:
    """The task that has the rows of each key."""
    return lambda keys: (mix(keys.view(np.uint64)) % np.uint64(tasks)).astype(np.int64)


def _prompts(received: Received) -> tuple[np.ndarray, np.ndarray, int]:
    """(prompt keys, rows of each, all rows) of KEPT."""
    rows = received.table("kept", KEPT)
    return *np.unique(rows["prompt_key"].drop_null().to_numpy(), return_counts=True), rows.num_rows


def _as_they_are(rows: pa.Table) -> pa.Table:
    return rows


def _narrowed(crowded: int, least: int | None) -> Callable[[pa.Table], pa.Table]:
    """Prompts below `least` words, or all of them, bind no longer in groups of more than `crowded` rows."""

    def narrowed(rows: pa.Table) -> pa.Table:
        if not rows.num_rows:
            return rows
        words = rows["prompt_words"].to_numpy()
        binds = np.where(rows["group_rows"].to_numpy() > crowded, (words >= least) if least else False, rows["binds"])
        return rows.set_column(rows.column_names.index("binds"), "binds", pa.array(binds.astype(bool)))

    return narrowed


def _part(rows: pa.Table, task: int) -> pa.Table:
    """PART of rows that have a group."""
    rows = rows.append_column("bound", pc.if_else(rows["binds"], rows["prompt_key"], None))
    wanted = [("ordinal", "count"), ("ordinal", "min"), ("first", "min"), ("first", "max"), ("prompt_key", "min")]
    wanted += [("prompt_key", "max"), ("user", "min"), ("bound", "min")]
    found = rows.group_by("group").aggregate(wanted)
    columns = [found["group"], np.full(found.num_rows, task), *(found[f"{name}_{how}"] for name, how in wanted)]
    return pa.table(columns, schema=PART)


def _merged(parts: pa.Table, crowded: int) -> tuple[pa.Table, pa.Table]:
    """(WHOLE, SIZES) of the groups of all their PARTs. chained: rows of groups of more than `crowded` rows that several
    prompts and several users, conversations or clusters make up."""
    how = {"rows": "sum", "last": "max", "last_prompt": "max"}
    wanted = [(name, how.get(name, "min")) for name in PART.names[2:]]
    found = (
        parts.group_by("group")
        .aggregate(wanted)
        .rename_columns({f"{name}_{by}": name for name, by in wanted} | {"group": "group"})
    )
    drawn = pc.coalesce(found["user"], found["bound"], found["first"])
    rows = found["rows"].to_numpy()
    several = pc.and_(pc.less(found["first"], found["last"]), pc.less(found["prompt"], found["last_prompt"]))
    chained = int(rows[(rows > crowded) & several.fill_null(False).to_numpy()].sum())
    figures = [[len(rows)], [int(rows.max(initial=0))], [chained]]
    whole = pa.table([found["group"], found["rows"], found["ordinal"], drawn], schema=WHOLE)
    return whole, pa.table([pa.array(f, pa.int64()) for f in figures], schema=SIZES)


def split_rows(grouping: Grouping, grouped: Sent, seed: int, ranges: Ranges) -> Sent:
    """SPLITS of each row, sent to its range. A hash decides, of the seed and of what the group has in common and others
    that join it have too: its user, else its prompt, else its conversation or cluster (the least, if it has several).

    grouped: of grouping.groups. A group larger than a whole held-out split trains: it would be most of what is
    measured. When that or chance leaves a split empty, the smallest group of the largest split fills it.
    Raises UserError when there are too few rows or groups.
    """
    rows, config, exchange = grouping.rows, grouping.config, grouping.exchange
    if rows < LEAST_ROWS:
        raise UserError(
            f"deduplicate: {rows} rows are left, and train, validation and test need at least {LEAST_ROWS}; "
            "add data, or relax clean.rules"
        )
    test, held_out = config.test_share, config.test_share + config.validation_share
    test_limit, validation_limit = max(1, int(config.test_share * rows)), max(1, int(config.validation_share * rows))

    def placing(received: Received) -> Batches:
        of = received.table("rows", GROUPED)
        keys, place = np.unique(of["drawn"].to_numpy(), return_inverse=True)
        draw, size = uniforms(seed, keys)[place], of["group_rows"].to_numpy()
        tests = (draw < test) & (size <= test_limit)
        validates = (draw >= test) & (draw < held_out) & (size <= validation_limit)
        split = pa.array(np.where(tests, "test", np.where(validates, "validation", "train")), pa.string())
        placed = pa.table([of["ordinal"], of["group"], split], schema=PLACED)
        yield from cut("placed", placed, ranges.of(of["ordinal"].to_numpy()))
        groups = pa.table([split, of["group_rows"], draw, of["group"]], schema=COUNTED).filter(of["opens"])
        for name in pc.unique(groups["split"]).to_pylist():
            its = groups.filter(pc.equal(groups["split"], name)).sort_by(SMALLEST)
            yield from told("counts", pa.table([[name], [its.num_rows]], ["split", "groups"]))
            yield from told("smallest", its.slice(0, 2))

    placed = exchange.done("deduplicate: splits", exchange.step([grouped], grouping.tasks, placing))
    counted = exchange.gather(placed, "counts", pa.schema({"split": pa.string(), "groups": pa.int64()}))
    totals = counted.group_by("split").aggregate([("groups", "sum")]).to_pylist()
    counts = {row["split"]: row["groups_sum"] for row in totals}
    if sum(counts.values()) < 3:
        raise UserError(
            f"deduplicate: the {rows} rows left belong to {sum(counts.values())} groups of near duplicates, "
            "conversation, user or prompt, and train, validation and test need one each; add data, or leave user_id "
            "out of the columns"
        )
    moved = _filling(counts, exchange.gather(placed, "smallest", COUNTED))

    def filled(received: Received) -> Batches:
        of = received.table("placed", PLACED)
        split = np.array(of["split"].to_pylist(), object)
        for group, name in moved.items():
            split[of["group"].to_numpy() == group] = name
        yield from cut("splits", pa.table([of["ordinal"], split], schema=SPLITS), ranges.of(of["ordinal"].to_numpy()))

    return exchange.done("deduplicate: splits filled", exchange.step([placed], ranges.new_ranges, filled))


def _filling(counts: dict[str, int], smallest: pa.Table) -> dict[int, str]:
    """Group to the split that it is moved to, for each split that has none. smallest: COUNTED, of each split."""
    missing = [name for name in ("test", "validation", "train") if name not in counts]
    most = max(counts, key=lambda name: (counts[name], name))
    donors = smallest.filter(pc.equal(smallest["split"], most)).sort_by(SMALLEST)["group"].to_pylist()
    return dict(zip(donors[: len(missing)], missing, strict=True))
