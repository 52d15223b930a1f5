"""The plan takes what a server was measured to serve."""

import json
from pathlib import Path

import pytest

from configs.errors import UserError
from configs.plan import Deployment
from pipeline.planning.served import FILE, measured


def row(clients: int, rate: float, first: int, between: int) -> dict[str, object]:
    return {
        "clients": clients,
        "tokens_a_second": rate,
        "first_token_ms": [first, 2 * first],
        "between_ms": [between, 500],
    }


def test_the_most_clients_that_are_answered_in_time_decide(tmp_path: Path) -> None:
    rows = [row(1, 20, 100, 50), row(16, 160, 500, 90), row(64, 200, 2000, 300)]
    (tmp_path / FILE).write_text(json.dumps({"on": "2 cores, chat", "clients": rows}))
    given = Deployment(reply_tokens=100, latency_seconds=10.5, headroom=0.2, spares=1)
    found = measured(tmp_path, given, peak=5.0)
    assert found is not None
    assert (found.clients, found.requests_a_second, found.on) == (16, 1.6, "2 cores, chat")
    assert found.latency == pytest.approx(1.0 + 100 * 0.09)
    assert found.servers == 4 + 1  # 5 ÷ (1.6 × 0.8) = 3.9
    slow = Deployment(reply_tokens=100, latency_seconds=1)
    with pytest.raises(UserError, match=r"plan\.deployment\.latency_seconds: 1, but a reply of 100 tokens .* 5\.2 s"):
        measured(tmp_path, slow, peak=5.0)


def test_nothing_measured_is_nothing_and_a_wrong_file_is_named(tmp_path: Path) -> None:
    assert measured(tmp_path, Deployment(), peak=1.0) is None
    (tmp_path / FILE).write_text('{"clients": [{}]}')
    with pytest.raises(UserError, match=r"serving\.json: is not what the benchmark wrote"):
        measured(tmp_path, Deployment(), peak=1.0)
