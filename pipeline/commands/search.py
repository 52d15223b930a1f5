"""parlance search: conversations near a text."""

from argparse import ArgumentParser, Namespace

from pipeline.contract.options import Runs, add_root, add_run, run_of


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = "Embeds TEXT and asks the run's vector index: similarity, row id, source, topic, text."
    add_root(parser)
    add_run(parser)
    parser.add_argument("text", metavar="TEXT")
    parser.add_argument("--limit", type=int, default=5, metavar="N", help="hits shown (default: 5)")
    return _search


def _search(options: Namespace) -> None:
    from pipeline.index.search import search_text

    for hit in search_text(run_of(options), options.text, options.limit):
        text = " ".join(str(hit.payload.get("text", "")).split())
        print(f"{hit.score:.3f}  {hit.payload['row_id']}  [{hit.payload['source']}, {hit.payload['topic']}]  {text}")
