"""Machines of a hostfile, as the deepspeed launcher understands us; reaching them needs ssh, and is not tested here."""

from pathlib import Path

import pytest
from deepspeed.launcher.runner import fetch_hostfile, parse_args, parse_inclusion_exclusion

from configs.errors import UserError
from training.machines import check_machines, on_machines


@pytest.mark.parametrize("machines", [{"one": 2}, {"one": 8, "two": 4}])
def test_deepspeed_starts_what_the_hostfile_says(tmp_path: Path, machines: dict[str, int]) -> None:
    """Its own parser of arguments and hostfile; on one machine, too, it goes there instead of staying here."""
    given = parse_args([*on_machines(machines, tmp_path / "hostfile"), "worker.py"])
    resources = parse_inclusion_exclusion(fetch_hostfile(given.hostfile), given.include, given.exclude)
    assert {host: len(slots) for host, slots in resources.items()} == machines
    assert given.num_gpus == -1
    assert given.force_multi


def test_a_machine_that_cannot_be_reached_is_named_before_any_rank_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program, text in (("pdsh", ""), ("ssh", "test $5 != far || { echo no route to far >&2; exit 255; }")):
        (tmp_path / program).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    check_machines({"near": 1}, tmp_path / "job.json")
    with pytest.raises(UserError, match=r"launch\.hostfile: cannot run ranks on far \(no route to far\)"):
        check_machines({"near": 1, "far": 1}, tmp_path / "job.json")


def test_a_missing_pdsh_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="the program pdsh is not installed here; on Debian: apt-get install pdsh"):
        check_machines({"near": 1}, tmp_path / "job.json")
