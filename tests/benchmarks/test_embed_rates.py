"""What the benchmark of embed says of a run, from when shards were done."""

from benchmarks.embed import rates


def test_it_counts_from_when_all_have_begun() -> None:
    assert rates([(3.0, 100, False), (5.0, 200, True), (7.0, 600, True)]) == {
        "rows_per_second": 200,
        "rows_counted": 400,
        "start_seconds": 5.0,
        "seconds": 7.0,
    }


def test_where_a_process_had_no_shard_there_is_no_rate() -> None:
    nothing = {"rows_per_second": None, "rows_counted": 0, "start_seconds": None}
    assert rates([(3.0, 100, False), (5.0, 200, False)]) == nothing | {"seconds": 5.0}
    assert rates([]) == nothing | {"seconds": 0.0}
