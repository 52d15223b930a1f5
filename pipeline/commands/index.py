"""parlance index: where a run's vectors lie, and which collection of a server is in use."""

from argparse import ArgumentParser, Namespace

from configs.errors import UserError
from pipeline.contract.options import Runs, add_root, add_run, run_of


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        parlance index                            the collections on the server, the one in use marked
        parlance index --run nightly-3 --use      make that run's collection the one in use: a rollback"""
    add_root(parser)
    add_run(parser)
    parser.add_argument("--use", action="store_true", help="have the server's alias show the run's collection")
    return _index


def _index(options: Namespace) -> None:
    run = run_of(options)
    about = run.artifact("index").json("index.json")
    if not about["url"]:
        if options.use:
            raise UserError(f"run {run.id}: its index is Qdrant Edge in its own artifact; only a server has an alias")
        print(f"{about['engine']}, {about['points']:,} points of {about['dimensions']} dimensions")
        return
    from pipeline.index import collection
    from pipeline.index.qdrant_server import ServerStore

    store = ServerStore.connect(run.profile.vectors, about["collection"])
    try:
        if options.use:
            collection.use(store, about["alias"])
        shown = collection.in_use(store, about["alias"])
        for name, since in collection.whole(store, about["alias"]).items():
            marks = [
                word for word, holds in (("in use", name == shown), ("this run's", name == store.collection)) if holds
            ]
            print(f"{name}  whole since {since[:19]}  {', '.join(marks)}".rstrip())
    finally:
        store.close()
