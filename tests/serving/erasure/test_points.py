"""The points of a person's rows go from every collection of the index on a Qdrant server."""

import numpy as np

from configs.load import load_profile
from configs.vectors import Vectors
from pipeline.index.qdrant_server import ServerStore, client_of
from pipeline.index.store import point_id
from serving.erasure.kept import erase_points
from tests.pipeline.index.recording_server import recording_server

NAMES = ("conversations-00000000000a", "conversations-00000000000b", "other-00000000000a", "conversations-notes")


def test_also_from_collections_whose_artifacts_are_gone_and_from_no_others() -> None:
    with recording_server() as (url, asked):
        settings = Vectors(url=url)
        client = client_of(settings)
        for name in NAMES:
            store = ServerStore(client, name, settings)
            store.make(settings, 4)
            rows = [f"{n:032x}" for n in range(4)]
            payloads = [{"row_id": row, "segment": 0} for row in rows]
            store.upsert([point_id(row, 0) for row in rows], np.eye(4, dtype=np.float32), payloads)
        profile = load_profile("scratch", [f"vectors.url={url}"])
        done = erase_points(profile, {rows[1], rows[3], "f" * 32})
        left = {name: sorted((p.payload or {})["row_id"] for p in asked.client.scroll(name)[0]) for name in NAMES}
        assert left == {name: [rows[0], rows[2]] if name in NAMES[:2] else rows for name in NAMES}
        assert [entry["file"] for entry in done] == [f"collection {name}" for name in NAMES[:2]]


def test_without_a_server_there_is_nothing_to_do() -> None:
    assert erase_points(load_profile("scratch", []), {"a" * 32}) == []
