"""parlance search: conversations near a text or near a row, and what was dropped there."""

import json
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from pydantic import ValidationError

from configs.credentials import masked
from configs.errors import UserError
from pipeline.contract.options import Runs, add_root, add_run, run_of


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        parlance search "how do I get a refund" --source support --least 0.4
        parlance search --row 3f9a0c              what lies near a row, and what was dropped near it
        parlance search "refunds" --state dropped --json"""
    add_root(parser)
    add_run(parser)
    parser.add_argument("text", nargs="?", default="", metavar="TEXT", help="is embedded, and the index is asked")
    parser.add_argument("--row", default="", metavar="ROW", help="row id, or the beginning of one: its neighbours")
    for name, what in (("source", "source"), ("topic", "topic"), ("split", "split"), ("user", "user id")):
        parser.add_argument(f"--{name}", action="append", default=[], help=f"only of this {what}; may be repeated")
    parser.add_argument("--state", default="all", choices=("kept", "dropped", "all"), help="default: all")
    parser.add_argument("--least", type=float, metavar="SCORE", help="lowest cosine similarity that counts")
    parser.add_argument("--limit", type=int, default=5, metavar="N", help="rows shown (default: 5)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument(
        "--lines", action="store_true", help="answer queries of standard input, a JSON object a line, until it ends"
    )
    return _search


def _search(options: Namespace) -> None:
    from pipeline.report.search import Query, Search, refused

    names = ("text", "row", "source", "topic", "split", "user", "state", "least", "limit")
    run = run_of(options)
    if options.lines:
        _answer_lines(Search(run))
        return
    try:
        query = Query(**{name: getattr(options, name) for name in names})
    except ValidationError as error:
        raise refused(error) from None
    search = Search(run)
    try:
        found = search(query)
    finally:
        search.close()
    print(json.dumps(found, ensure_ascii=False) if options.json else "\n".join(_lines(found)))


def _answer_lines(search: Any) -> None:
    """Each query's answer as a line of JSON; {"error": …} of one that is refused."""
    from pipeline.report.search import Query, refused

    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        answer: dict[str, Any]
        try:
            answer = search(Query.model_validate_json(line))
        except ValidationError as error:
            answer = {"error": str(refused(error))}
        except UserError as error:
            answer = {"error": masked(str(error))}
        print(json.dumps(answer, ensure_ascii=False), flush=True)
    search.close()


def _lines(found: dict[str, Any]) -> list[str]:
    lines = list(found["story"])
    for hit in found["hits"]:
        text = " ".join(str(hit["text"] or "").split())
        lines.append(f"{hit['score']:.3f}  {hit['row_id']}  [{hit['source']}, {hit['topic']}]  {text}")
    for row in found["dropped"]:
        score = "     " if row["score"] is None else f"{row['score']:.3f}"
        near = f", near {row['near']}" if row["near"] else ""
        text = " ".join(message["content"] for message in row["messages"] or [])
        about = f"[{row['source']}, dropped by {row['stage']}, {row['rule']}{near}]"
        lines.append(f"{score}  {row['row_id']}  {about}  {' '.join(text.split())}")
    return lines + [f"note: {note}" for note in found["notes"]]
