"""The collections of one index on a Qdrant server: NAME-FINGERPRINT each, and the alias NAME of the one in use.

A collection is loaded without an HNSW graph, which is built once everything is there. Its metadata say when it was
found whole; only collections that say so are ever deleted, so that what another run is loading stays.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from qdrant_client import models

from configs.errors import UserError
from configs.vectors import Vectors
from pipeline.contract.progress import say
from pipeline.index.qdrant_server import ServerStore
from pipeline.index.store import FILTERED

GRAPH = models.HnswConfigDiff(m=16, ef_construct=100)
"""Qdrant's defaults, of which benchmarks/index.py measures the recall."""

T = TypeVar("T")
WHOLE = "parlance_whole_since"
LOOKS_EVERY_SECONDS = 1.0
STALLED_SECONDS = 600.0
"""Without a change for so long, a server is not waited for any more."""


def begin(store: ServerStore, settings: Vectors, dimensions: int) -> bool:
    """Makes the collection for loading; False where an earlier attempt has."""
    if store.exists():
        return False
    store.make(settings, dimensions, FILTERED, graph=False)
    return True


def arrived(store: ServerStore, points: int) -> None:
    """Returns when the collection has as many points as were sent, or has stopped taking in any more: upserts that are
    not waited for are noted by the server first."""
    _until(store.count, lambda held: held >= points)


def build_graph(store: ServerStore) -> None:
    """Has the server build the graph over all points, and returns when it has."""
    client, name = store.client, store.collection
    store.patiently(lambda: client.update_collection(name, hnsw_config=GRAPH))

    def state() -> tuple[str, int]:
        info = store.patiently(lambda: client.get_collection(name))
        if info.status == models.CollectionStatus.RED:
            raise UserError(f"vectors.url: the collection {name} is in error on the server: {info.optimizer_status}")
        return info.status.value, info.indexed_vectors_count or 0

    said = _until(state, lambda found: found[0] == models.CollectionStatus.GREEN.value)
    if said[0] != models.CollectionStatus.GREEN.value:
        raise UserError(
            f"vectors.url: the server does not go on indexing {name} ({said[1]:,} vectors are in the graph, status "
            f"{said[0]}); see its log, and run the stage again, which goes on from here"
        )


def use(store: ServerStore, alias: str) -> None:
    """Makes the alias show this collection, in one step: a search asks the old one or the new one."""
    name = store.collection
    if in_use(store, alias) != name:
        changes: list[models.CreateAliasOperation | models.DeleteAliasOperation] = [
            models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=name, alias_name=alias))
        ]
        if in_use(store, alias):
            changes.insert(0, models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias)))
        store.patiently(lambda: store.client.update_collection_aliases(changes))
        say(f"index: {alias} is {name}")


def in_use(store: ServerStore, alias: str) -> str | None:
    """The collection that the alias shows."""
    found = store.patiently(store.client.get_aliases).aliases
    return next((one.collection_name for one in found if one.alias_name == alias), None)


def note_whole(store: ServerStore) -> None:
    """Writes into the collection that count and sample have agreed."""
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    store.patiently(lambda: store.client.update_collection(store.collection, metadata={WHOLE: now}))


def all_of(store: ServerStore, alias: str) -> list[str]:
    """Every collection of an index, also those that are being loaded."""
    found = [one.name for one in store.patiently(store.client.get_collections).collections]
    return sorted(name for name in found if re.fullmatch(rf"{re.escape(alias)}-[0-9a-f]{{12}}", name))


def whole(store: ServerStore, alias: str) -> dict[str, str]:
    """The collections of an index that were whole once, and since when, the newest first."""
    found = {}
    for name in all_of(store, alias):
        info = store.patiently(partial(store.client.get_collection, name))
        since = (info.config.metadata or {}).get(WHOLE)
        if since:
            found[name] = str(since)
    return dict(sorted(found.items(), key=lambda item: item[1], reverse=True))


def retire(store: ServerStore, alias: str, kept: int) -> list[str]:
    """Deletes the oldest collections that are whole, but the one in use and `kept` others; returns their names."""
    others = [name for name in whole(store, alias) if name != in_use(store, alias)]
    for name in others[kept:]:
        store.patiently(partial(store.client.delete_collection, name))
        say(f"index: {name} is deleted; vectors.kept says how many earlier ones stay")
    return others[kept:]


def _until(look: Callable[[], T], holds: Callable[[T], bool]) -> T:
    """What was seen last: what holds, or what has not changed for STALLED_SECONDS."""
    seen = look()
    since = time.monotonic()
    while not holds(seen) and time.monotonic() - since < STALLED_SECONDS:
        time.sleep(LOOKS_EVERY_SECONDS)
        new = look()
        if new != seen:
            seen, since = new, time.monotonic()
    return seen
