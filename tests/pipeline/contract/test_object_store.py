"""A root in an object store: whole or not at all, shared by machines, whatever the store does meanwhile."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from configs.errors import UserError
from pipeline.contract import objects
from pipeline.contract.artifact import Artifact, ArtifactStore, Ledger
from pipeline.contract.cache import _in_use
from pipeline.contract.fingerprint import fingerprint
from pipeline.contract.mirror import CACHE, Mirror, root_folder
from pipeline.contract.parts import Part, PartStore
from pipeline.contract.sealed_json import DamagedError
from tests.object_store import BUCKET, SLOW_DOWN, Answer, Ask, Proxy, Request, Store, use

PRINT = fingerprint("trial", "1", {}, {})
PARTS = [Part("trial", "1", {}, {"data": f"{number}" * 64}) for number in range(8)]
LARGE = 13 << 20
"""Bytes: of two parts of a multipart upload, which begins at twice CHUNK."""


@pytest.fixture
def address(s3: Store, monkeypatch: pytest.MonkeyPatch) -> str:
    use(monkeypatch, s3.url)
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> Iterator[Callable[..., Path]]:
    """machine(name) is the root's folder on a machine of that name."""

    def of(name: str, gigabytes: float = 1.0) -> Path:
        monkeypatch.setenv(CACHE, str(tmp_path / name))
        return root_folder(address, gigabytes)

    yield of
    for lock in [lock for lock in _in_use if tmp_path in lock.parents]:
        _in_use.pop(lock).close()


def manifest(print_: str = PRINT, **more: Any) -> dict[str, Any]:
    about = {"stage": "trial", "version": "1", "fingerprint": print_, "config": {}, "inputs": {}, "metrics": {}}
    return {**about, "ledger": Ledger(2, 2), **more}


def commit(root: Path, said: str = "ja", size: int = 0, print_: str = PRINT, **more: Any) -> Artifact:
    store = ArtifactStore(root)
    with store.building("trial", print_, resume=False) as partial:
        (partial / "note.json").write_text(json.dumps({"said": said}))
        (partial / "large.bin").write_bytes(said.encode() * size)
        return store.commit(partial, manifest(print_, **more))


def several(root: Path, number: int) -> list[str]:
    """Fingerprints of artifacts of 400 kB."""
    inputs = [{"n": str(n)} for n in range(number)]
    prints = [fingerprint("trial", "1", {}, given) for given in inputs]
    for print_, given in zip(prints, inputs, strict=True):
        commit(root, print_[:8], 50_000, print_, inputs=given)
    return prints


def find(root: Path, print_: str = PRINT) -> Artifact | None:
    return ArtifactStore(root).find("trial", print_)


def keys(s3: Store, address: str) -> list[str]:
    found = s3.files.find(address.removeprefix("s3://"))
    return [name for path in found if (name := path.partition(address.removeprefix("s3://"))[2])]


@contextmanager
def faulty(s3: Store, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Request, Ask], Answer]) -> Iterator[Proxy]:
    with Proxy(s3.url, fault).running() as proxy:
        use(monkeypatch, proxy.url)
        yield proxy
    use(monkeypatch, s3.url)


def test_what_one_machine_commits_another_finds_byte_for_byte(machine: Callable[..., Path]) -> None:
    one = commit(machine("one"), size=1000)
    other = find(machine("other"))
    assert other
    assert other.path != one.path
    ours, theirs = ({p.name: p.read_bytes() for p in a.path.iterdir()} for a in (one, other))
    assert ours == theirs
    assert other.damage() == []


def test_an_artifact_is_there_when_its_manifest_is(machine: Callable[..., Path], s3: Store, address: str) -> None:
    here = commit(machine("one"))
    there = keys(s3, address)
    assert sorted(there) == sorted(
        [f"/artifacts/trial/{PRINT}.json", *(f"/files/{d[:2]}/{d}" for d in here.digests.values())]
    )
    s3.files.rm_file(f"{address.removeprefix('s3://')}/artifacts/trial/{PRINT}.json")
    assert find(machine("other")) is None
    assert find(machine("one")) is None, "what is not in the store is nowhere"


def test_a_writer_that_dies_before_the_manifest_leaves_nothing_to_be_seen(
    machine: Callable[..., Path], s3: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PATIENCE_SECONDS", 0.5)

    def dies(request: Request, ask: Ask) -> Answer:
        return SLOW_DOWN if request.method == "PUT" and "/artifacts/" in request.path else ask(request)

    root = machine("one")
    with faulty(s3, monkeypatch, dies), pytest.raises(UserError, match="run the same command again to go on"):
        commit(root)
    assert find(machine("other")) is None
    assert find(machine("one")) is None
    assert commit(machine("one")).damage() == []
    assert find(machine("other"))


def test_of_two_that_commit_at_once_the_first_ones_stays_and_both_have_it(machine: Callable[..., Path]) -> None:
    first, second = machine("one"), machine("other")
    commit(first, "first", timing={"seconds": 1})
    late = commit(second, "second, which is longer", timing={"seconds": 2})
    assert late.json("note.json") == {"said": "first"}
    assert late.damage() == []
    found = find(second)
    assert found
    assert found.manifest["timing"] == {"seconds": 1}


def test_a_commit_whose_answer_is_lost_is_a_commit(
    machine: Callable[..., Path], s3: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[str] = []

    def loses(request: Request, ask: Ask) -> Answer:
        answer = ask(request)
        if request.method == "PUT" and "/artifacts/" in request.path and not lost:
            lost.append(request.path)
            return SLOW_DOWN
        return answer

    root = machine("one")
    with faulty(s3, monkeypatch, loses):
        assert commit(root, "mine").json("note.json") == {"said": "mine"}
    assert lost
    assert find(machine("other"))


def test_an_upload_of_parts_that_breaks_off_goes_on(
    machine: Callable[..., Path], s3: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "CHUNK_BYTES", 5 << 20)
    broken: list[str] = []

    def breaks(request: Request, ask: Ask) -> Answer:
        if "partNumber=2" in request.path and len(broken) < 3:
            broken.append(request.path)
            return Answer(200, [], b"", cut=0)  # dropped before the store has seen it
        return ask(request)

    root = machine("one")
    with faulty(s3, monkeypatch, breaks) as proxy:
        here = commit(root, "x", LARGE)
        assert any("uploadId" in r.path for r in proxy.seen)
    assert broken
    there = find(machine("other"))
    assert there
    assert there.digests == here.digests


def test_a_download_that_breaks_off_in_the_middle_goes_on(
    machine: Callable[..., Path], s3: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = commit(machine("one"), "x", LARGE)
    cut: set[str] = set()

    def cuts(request: Request, ask: Ask) -> Answer:
        answer = ask(request)
        which = f"{request.path} {request.headers.get('Range')}"
        if request.method == "GET" and len(answer.body) > 1000 and which not in cut:
            cut.add(which)
            answer.cut = len(answer.body) // 2
        return answer

    root = machine("other")
    with faulty(s3, monkeypatch, cuts):
        there = find(root)
    assert len(cut) > 2
    assert there
    assert there.damage() == []
    assert there.digests == here.digests


def test_a_store_that_throttles_is_asked_again(
    machine: Callable[..., Path], s3: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [0]

    def throttles(request: Request, ask: Ask) -> Answer:
        asked[0] += 1
        return SLOW_DOWN if asked[0] % 2 else ask(request)

    root = machine("one")
    with faulty(s3, monkeypatch, throttles):
        commit(root, size=10)
        assert find(root)


def test_a_listing_that_is_late_hides_nothing(
    machine: Callable[..., Path], s3: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(request: Request, ask: Ask) -> Answer:
        empty = b'<?xml version="1.0"?><ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated>'
        if request.lists:
            return Answer(200, [("Content-Type", "application/xml")], empty + b"</ListBucketResult>")
        return ask(request)

    one, other = machine("one"), machine("other")
    with faulty(s3, monkeypatch, late):
        commit(one)
        assert find(other)


def test_an_artifact_comes_with_the_manifests_of_its_parts(machine: Callable[..., Path]) -> None:
    root = machine("one")
    store, hashes = PartStore(root, "first run"), ArtifactStore(root).hashes
    with store.making(PARTS[0]) as making:
        (making.folder / "said.txt").write_text("ja")
    part = store.at(PARTS[0])
    with ArtifactStore(root).building("trial", PRINT, resume=False) as partial:
        hashes.link(part.path / "said.txt", partial / "said.txt", part.digests["said.txt"])
        ArtifactStore(root).commit(partial, manifest(parts={"said.txt": part.path.name}))
    found = find(machine("other"))
    assert found
    assert [of.manifest["made"]["run"] for of in found.made_of] == ["first run"]


def test_what_the_store_lost_or_changed_is_damaged_and_can_be_made_again(
    machine: Callable[..., Path], s3: Store, address: str
) -> None:
    here = commit(machine("one"), "x", 10)
    digest = here.digests["large.bin"]
    object_ = f"{address.removeprefix('s3://')}/files/{digest[:2]}/{digest}"
    s3.files.pipe_file(object_, b"y" * 10)
    mirror = Mirror.of(machine("one"))
    assert mirror
    assert [line for line in mirror.damage(f"artifacts/trial/{PRINT}", {}) if "contents changed" in line]
    with pytest.raises(DamagedError, match="is not what was written"):
        find(machine("other"))
    root = machine("other")
    with ArtifactStore(root).building("trial", PRINT, resume=False):
        ArtifactStore(root).set_aside("trial", PRINT)
    commit(root, "x", 10)
    assert mirror.damage(f"artifacts/trial/{PRINT}", {}) == []


def test_what_was_changed_here_is_fetched_again(machine: Callable[..., Path]) -> None:
    here = commit(machine("one"))
    (here.path / "note.json").write_text('{"said": "no"}')
    found = find(machine("one"))
    assert found
    assert found.json("note.json") == {"said": "ja"}


def test_runs_on_two_machines_at_once_share_parts_and_never_see_half_of_one(machine: Callable[..., Path]) -> None:
    """Both want all parts, from opposite ends; each part is whole wherever it was made, and the same on both."""
    roots = [machine("one"), machine("other")]
    made: list[list[str]] = [[], []]
    found: list[dict[str, Artifact]] = [{}, {}]

    def work(which: int) -> None:
        store, hashes = PartStore(roots[which], f"run {which}"), ArtifactStore(roots[which]).hashes

        def make(parts: list[Part]) -> None:
            for part in parts:
                made[which].append(part.fingerprint)
                with store.making(part) as making:
                    for number in range(5):
                        (making.folder / f"{number}.txt").write_text(part.inputs["data"] * 100)
                    making.ledger.rows_in = making.ledger.rows_out = 1

        for part in PARTS if which else PARTS[::-1]:
            found[which] |= store.obtain([part], hashes, make)[0]

    threads = [threading.Thread(target=work, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(len(of) == len(PARTS) for of in found)
    assert [part.damage() for of in found for part in of.values()] == [[]] * 2 * len(PARTS)
    assert len(made[0]) + len(made[1]) < 2 * len(PARTS), "none was shared"
    for part in PARTS:
        one, other = (of[part.fingerprint].manifest for of in found)
        assert one == other


def test_a_part_that_the_store_lost_is_named_and_made_again(
    machine: Callable[..., Path], s3: Store, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def obtain(name: str) -> set[str]:
        store = PartStore(machine(name))

        def make(parts: list[Part]) -> None:
            for part in parts:
                with store.making(part) as making:
                    (making.folder / "said.txt").write_text(part.inputs["data"])

        return store.obtain(PARTS[:3], ArtifactStore(machine(name)).hashes, make)[1]

    assert len(obtain("one")) == 3
    first, second = (f"{address.removeprefix('s3://')}/parts/trial/{part.fingerprint}.json" for part in PARTS[:2])
    s3.files.pipe_file(first, s3.files.cat_file(second))
    s3.files.pipe_file(second, s3.files.cat_file(second)[:-1])
    digest = PartStore(machine("one")).at(PARTS[2]).digests["said.txt"]
    s3.files.rm_file(f"{address.removeprefix('s3://')}/files/{digest[:2]}/{digest}")
    capsys.readouterr()
    assert len(obtain("other")) == 3
    said = capsys.readouterr().out
    assert "is of another artifact" in said
    assert "does not match its seal" in said
    assert "is gone or cut short" in said


def test_the_cache_stays_within_its_bound(machine: Callable[..., Path]) -> None:
    prints = several(machine("maker"), 4)
    root = machine("small", 0.001)
    for print_ in prints[:3]:
        assert find(root, print_)
        for lock in [lock for lock in _in_use if root in lock.parents]:
            _in_use.pop(lock).close()  # as when the process ends
    held = sum(p.stat().st_size for p in (root / "artifacts").rglob("large.bin"))
    assert held == 800_000
    assert len(ArtifactStore(root).all()) == 3, "manifests stay"
    first = find(root, prints[0])
    assert first
    assert first.damage() == [], "what was evicted comes back"


def test_what_is_in_use_is_not_evicted(machine: Callable[..., Path]) -> None:
    prints = several(machine("maker"), 3)
    root = machine("small", 0.001)
    first, second = find(root, prints[0]), find(root, prints[1])
    with pytest.raises(UserError, match=r"storage.cache_gb: .*; set storage.cache_gb to 0\.0|or more"):
        find(root, prints[2])
    assert first
    assert second
    assert first.damage() == second.damage() == []


def test_gc_takes_files_that_no_manifest_names(machine: Callable[..., Path], s3: Store, address: str) -> None:
    commit(machine("one"), "x", 10)
    mirror = Mirror.of(machine("one"))
    assert mirror
    later = objects.find_object(f"{address}/artifacts/trial/{PRINT}.json")
    assert later
    assert mirror.sweep(later.made + 60) == 0
    mirror.forget(f"artifacts/trial/{PRINT}")
    assert mirror.sweep(later.made - 60) == 0, "younger than a minute"
    assert mirror.sweep(later.made + 60) > 0
    assert keys(s3, address) == []


def test_a_store_that_ignores_conditions_is_told_of(
    machine: Callable[..., Path], s3: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ignores(request: Request, ask: Ask) -> Answer:
        answer = ask(request)
        return Answer(200, [], b"") if answer.status == 412 else answer

    mirror = Mirror.of(machine("one"))
    assert mirror
    mirror.check()
    assert "ignores" not in capsys.readouterr().out
    with faulty(s3, monkeypatch, ignores):
        mirror.check()
    assert "this store ignores If-None-Match" in capsys.readouterr().out
