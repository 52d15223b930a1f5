"""JSON as Spark's to_json writes it."""

import json
import re
from typing import Any

ESCAPED = re.compile(r"((?<!\\)(?:\\\\)*\\u)([0-9a-f]{4})")
"""A control character in JSON, whose number Spark writes in capitals."""


def to_json(values: dict[str, Any]) -> str:
    """Of a struct: without spaces and nulls."""
    there = {name: value for name, value in values.items() if value is not None}
    said = json.dumps(there, ensure_ascii=False, separators=(",", ":"))
    return ESCAPED.sub(lambda escape: escape[1] + escape[2].upper(), said)
