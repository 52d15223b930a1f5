"""How far a stage is, in one line; and what is looked at while others work."""

import re
import threading

import pytest

from pipeline.contract.progress import Progress, watching


def test_a_line_says_share_count_rate_and_time_left() -> None:
    progress = Progress("embed", total=200)
    assert progress.line().startswith("embed:   0%  0/200 rows  0.0 rows/s  ? left")
    progress.done = 100
    assert re.fullmatch(r"embed:  50%  100/200 rows  [\d,.]+ rows/s  [\d.]+ s left", progress.line())
    assert Progress("read", total=0, unit="kB").line().startswith("read:   ?%  0/0 kB")


def test_what_an_earlier_attempt_did_counts_as_progress_and_not_as_rate() -> None:
    progress = Progress("embed", total=200)
    progress.resume_at(150)
    assert progress.line() == "embed:  75%  150/200 rows  0.0 rows/s  ? left"


def test_the_end_says_what_was_done_and_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("embed", total=3) as progress:
        progress.advance(3)
    assert re.fullmatch(r"embed: 3 rows in [\d.]+ s\n", capsys.readouterr().out)


def test_who_watches_looks_while_the_body_runs_and_no_longer() -> None:
    looks: list[int] = []
    thrice = threading.Event()

    def look() -> None:
        looks.append(1)
        if len(looks) == 3:
            thrice.set()

    threads = threading.active_count()
    with watching(look, seconds=0.001):
        assert thrice.wait(30)
    assert threading.active_count() == threads


def test_who_watches_ends_with_a_body_that_fails() -> None:
    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError), watching(lambda: None, seconds=0.001):
        _ = 1 / 0
    assert threading.active_count() == threads
