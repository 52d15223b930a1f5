"""Labelled examples of topics: a file of text and topic."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from configs.audit import OTHER_TOPIC, Audit
from configs.errors import UserError
from configs.profile import Profile
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.raw_inputs import annotation, file_hashes

KEY = "audit.topic_examples"


def raw_inputs(profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """What annotate reads besides artifacts: the encoder, the lists of words, and the labelled examples."""
    found = annotation(profile, hashes)
    if profile.audit.topic_examples:
        (digest,) = file_hashes(KEY, [("examples", Path(profile.audit.topic_examples))], hashes)
        found[KEY] = digest
    return found


def labelled_examples(settings: Audit) -> list[tuple[str, str]]:
    """(text, topic) of each row. Raises UserError naming file and row."""
    if settings.topic_examples is None:
        return []
    path = Path(settings.topic_examples)
    found = list(_rows(path))
    if not found:
        raise UserError(f"{KEY}: {path} holds no rows; give some of text and topic, or leave the key empty")
    known = {*settings.topics, OTHER_TOPIC}
    for number, (text, topic) in enumerate(found, 1):
        if not text.strip():
            raise UserError(f"{KEY}: {path}, row {number}: no text; fill it in, or delete the row")
        if topic not in known:
            names = ", ".join(sorted(known))
            raise UserError(f"{KEY}: {path}, row {number}: {topic!r} is no topic; write one of {names}")
    return found


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    columns = "text and topic"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file) if path.suffix == ".csv" else map(json.loads, filter(str.strip, file))
            for number, row in enumerate(rows, 1):
                try:
                    yield str(row["text"] or ""), str(row["topic"] or "").strip()
                except (KeyError, TypeError) as error:
                    raise UserError(f"{KEY}: {path}, row {number}: needs {columns}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{KEY}: {path}: cannot be read ({error}); give a file of {columns}") from error
    except (csv.Error, json.JSONDecodeError) as error:
        raise UserError(f"{KEY}: {path}: is neither CSV (.csv) nor JSON Lines ({error}); save it again") from error
