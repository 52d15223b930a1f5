"""parlance export: a model for other programs; with --user, what is kept of a person."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from configs.load import load_profile
from eval.commands import export as of_model
from pipeline.contract.atomic_write import write_text
from pipeline.contract.options import Runs, root_of
from pipeline.contract.progress import say


def command(parser: ArgumentParser) -> Runs:
    export_model = of_model.command(parser)
    parser.epilog = (
        f"{parser.epilog}\n\n        parlance export --user ada --out ada.json              what is kept of a person\n"
    )
    parser.add_argument("--user", help="id of a user: all that the server, its feedback and the artifacts keep of them")
    parser.add_argument("--profile", default="demo", help="with --user: the profile that is served")

    def export(options: Namespace) -> int | None:
        return _export_person(options) if options.user else export_model(options)

    return export


def _export_person(options: Namespace) -> int:
    from serving.dialogue.dialogue import database_of
    from serving.dialogue.export import exported
    from serving.erasure.kept import feedback_records
    from serving.erasure.theirs import rows_of

    root = root_of(options)
    database = database_of(load_profile(options.profile, [f"storage.root={root}"]), root)
    found: dict[str, Any] = {
        "user": options.user,
        "kept_by_the_server": exported(database, options.user),
        "feedback": feedback_records(root, options.user),
        "rows_in_artifacts": rows_of(root, options.user),
    }
    database.close()
    write_text(Path(options.out), json.dumps(found, indent=1, ensure_ascii=False, default=str) + "\n")
    say(f"export: {options.out}")
    return 0
