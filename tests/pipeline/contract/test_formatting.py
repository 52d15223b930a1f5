"""Figures as a person writes them, the same in a log, a plan, a report and a model card."""

import math

from pipeline.contract.formatting import count, duration, magnitude, moment, number, percent, size


def test_durations_have_as_many_digits_as_one_acts_on() -> None:
    seconds = (0, 0.01, 0.44, 9.94, 9.96, 59.4, 59.6, 75, 754, 3599.6, 11_045, 172_799, 172_800, 721_153.85)
    assert [duration(s) for s in seconds] == [
        *("0 s", "0.01 s", "0.4 s", "9.9 s", "10 s", "59 s"),
        *("1 min 00 s", "1 min 15 s", "12 min 34 s"),
        *("1 h 00 min", "3 h 04 min", "47 h 59 min"),
        *("2 days", "8.35 days"),
    ]
    assert duration(1e8) == "1,157 days"


def test_sizes_are_powers_of_a_thousand_in_three_digits() -> None:
    bytes_ = (0, 5, 999, 12_000, 6e9, 97.3e9, 999.4e6, 999.6e6, 1.5e12, 1234e12)
    assert [size(b) for b in bytes_] == [
        *("0 B", "5 B", "999 B", "12 kB", "6 GB", "97.3 GB", "999 MB", "1 GB", "1.5 TB", "1,234 TB")
    ]


def test_counts_are_exact_and_magnitudes_are_not() -> None:
    assert [count(n) for n in (0, 412, 14_812, 3_212_749_824)] == ["0", "412", "14,812", "3,212,749,824"]
    assert [magnitude(n) for n in (0.5, 412, 14_812, 999_999, 1_020_000, 12.8e9, 3.21e12)] == [
        *("0.5", "412", "14,812", "999,999", "1.02 M", "12.8 B", "3.21 T")
    ]


def test_a_share_too_small_to_show_is_told_from_none() -> None:
    assert [percent(s) for s in (0, 0.0001, 0.4567, 1)] == ["0.0%", "<0.1%", "45.7%", "100.0%"]
    assert [percent(0.4567, digits) for digits in (0, 2)] == ["46%", "45.67%"]


def test_what_is_not_known_is_a_dash() -> None:
    for write in (count, number, magnitude, percent, duration, size, moment):
        assert [write(None), write(math.nan) if write is not moment else "–"] == ["–", "–"]


def test_numbers_and_moments() -> None:
    assert [number(1234.5), number(2.5, 1)] == ["1,234.500", "2.5"]
    assert moment("2026-11-21T20:11:05+00:00") == "21 Nov 2026, 20:11 UTC"
