"""What of the sources enters acquire's fingerprint."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from configs.errors import UserError
from configs.load import load_profile
from configs.profile import Profile
from pipeline.acquire.sources import raw_inputs
from pipeline.contract.fingerprint import F, FileHashes, file_sha256


class Asked(FileHashes):
    """Remembers how many files it was asked for at once."""

    def __init__(self, memory: Path) -> None:
        super().__init__(memory)
        self.calls: list[int] = []

    def of(self, paths: Iterable[F]) -> dict[F, str]:
        asked = list(paths)
        self.calls.append(len(asked))
        return super().of(asked)


def profile_of(sources: list[dict[str, str]]) -> Profile:
    return load_profile("scratch", [f"acquire.sources={json.dumps(sources)}"])


def test_the_files_of_all_sources_are_hashed_at_once(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.jsonl").write_text(str(number))
    sources = [{"name": f"s{number}", "path": str(tmp_path / f"{number}.jsonl")} for number in range(30)]
    hashes = Asked(tmp_path / "hashes.json")
    found = raw_inputs(profile_of([*sources, {"name": "h", "hub": "a/b"}]), hashes)
    assert hashes.calls == [30]
    assert found["s7/7.jsonl"] == file_sha256(tmp_path / "7.jsonl")
    assert found["h"] == "hub:a/b"
    assert len(found) == 31


def test_one_file_in_two_sources_is_in_both(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("a")
    (tmp_path / "broken.jsonl").symlink_to("nowhere")
    sources = [{"name": name, "path": str(tmp_path)} for name in ("one", "two")]
    found = raw_inputs(profile_of(sources), FileHashes(tmp_path / ".hashes.json"))
    digest = file_sha256(tmp_path / "a.jsonl")
    assert found == {
        "one/a.jsonl": digest,
        "two/a.jsonl": digest,
        "one/broken.jsonl": "unreadable",
        "two/broken.jsonl": "unreadable",
    }


def test_a_source_without_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"acquire\.sources: s: .* holds no file"):
        raw_inputs(profile_of([{"name": "s", "path": str(tmp_path)}]), FileHashes(tmp_path / "hashes.json"))
