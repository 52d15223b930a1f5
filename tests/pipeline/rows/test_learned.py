import pyarrow as pa

from pipeline.rows.learned import context_turns
from pipeline.rows.schema import METADATA


def test_only_rows_with_a_mark_have_turns_that_are_context() -> None:
    rows = pa.array([[("not_learned", "1, 3"), ("topic", "sums")], None, [], [("topic", "x")]], METADATA)
    assert context_turns(rows) == {0: {1, 3}}
    assert context_turns(rows.slice(1)) == {}
    assert context_turns(pa.chunked_array([rows, rows])) == {0: {1, 3}, 4: {1, 3}}
