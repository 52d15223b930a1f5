"""A certificate says what was signed, and nobody can change it unnoticed."""

import stat
from pathlib import Path

import pytest

from configs.errors import UserError
from serving.erasure.certificate import PRIVATE, PUBLIC, check_certificate, write_certificate

STATEMENT = {"rows": 3, "person": "0f"}


def test_it_is_checked_with_the_public_key_alone(tmp_path: Path) -> None:
    path = write_certificate(tmp_path / "root", "one", STATEMENT)
    again = write_certificate(tmp_path / "root", "two", STATEMENT)
    public = tmp_path / "elsewhere.pem"
    public.write_bytes((tmp_path / "root" / PUBLIC).read_bytes())
    assert check_certificate(path, public) == check_certificate(again, public) == STATEMENT
    assert stat.S_IMODE((tmp_path / "root" / PRIVATE).stat().st_mode) == 0o600


def test_a_changed_statement_or_another_key_is_refused(tmp_path: Path) -> None:
    path = write_certificate(tmp_path / "a", "one", STATEMENT)
    write_certificate(tmp_path / "b", "one", STATEMENT)
    with pytest.raises(UserError, match="is not what was signed"):
        check_certificate(path, tmp_path / "b" / PUBLIC)
    path.write_text(path.read_text().replace('"rows": 3', '"rows": 2'))
    with pytest.raises(UserError, match="is not what was signed"):
        check_certificate(path, tmp_path / "a" / PUBLIC)
    with pytest.raises(UserError, match="cannot be checked"):
        check_certificate(tmp_path / "none.json", tmp_path / "a" / PUBLIC)
