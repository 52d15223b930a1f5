"""The registry's errors. Versions and aliases are tested with the stage, in test_promote.py."""

from pathlib import Path

import pytest

from configs.errors import UserError
from configs.promote import Tracking
from eval import registry


def test_nothing_to_roll_back_is_said(empty_registry: Path) -> None:
    uri = Tracking().address(empty_registry.parent)
    assert registry.champion(uri, "parlance-chat") is None
    with pytest.raises(UserError, match="holds no champion to roll back"):
        registry.rollback(uri, "parlance-chat")


def test_a_server_that_does_not_answer_is_one_line_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(UserError) as error:
        registry.champion("http://user:secret@localhost:1/?api_key=secret", "parlance-chat")
    assert str(error.value).startswith("tracking.uri: http://***@localhost:1/?api_key=***")
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_the_model_of_a_moved_root_is_found_beside_its_registry(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "artifacts" / "after"  # a root may itself lie in such a folder
    model = "artifacts/promote/0123/model"
    (after / model).mkdir(parents=True)
    moved = registry.ModelRecord(Tracking().address(after), "chat", 1, str(before / model), {})
    assert moved.folder == after / model
    (before / model).mkdir(parents=True)  # copied, not moved: the copy has its own
    assert moved.folder == after / model
    gone = registry.ModelRecord(Tracking().address(tmp_path / "third"), "chat", 1, str(tmp_path / "gone" / model), {})
    with pytest.raises(UserError, match=r"version 1 lay in .*/gone/artifacts/promote/0123/model, which is gone"):
        _ = gone.folder


def test_a_database_that_is_damaged_is_one_line_with_its_address(empty_registry: Path, tmp_path: Path) -> None:
    content = bytearray(empty_registry.read_bytes())
    content[100] ^= 0x55  # of the first page's header, where SQLite notices
    (tmp_path / "mlflow.db").write_bytes(content)
    uri = Tracking().address(tmp_path)
    with pytest.raises(UserError, match=r"the registry's database cannot be read .*; restore it, or move it") as told:
        registry.champion(uri, "parlance-chat")
    assert str(told.value).startswith(f"{uri}: ")
    assert "\n" not in str(told.value)
