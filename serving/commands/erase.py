"""parlance erase: a person removed from all that is kept."""

import json
import math
from argparse import ArgumentParser, Namespace
from pathlib import Path

from configs.errors import UserError
from configs.load import load_profile, profile_names
from pipeline.contract.artifact import HASHES
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.mirror import SMALL, Mirror
from pipeline.contract.options import Runs, add_root, root_of
from pipeline.contract.progress import say
from pipeline.contract.shared_files import share, share_run
from pipeline.rows.bans import FOLDER


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        Removes a user from sessions, memory, feedback, every artifact, reports and logs under the root; keeps what they
        said from coming back from the same sources; flags the models that learned from it; and signs a certificate.

        parlance erase --user ada
        parlance erase --check var/erasures/erasure-….json

        No run may be under way. Exit status 1: something is left, which the last lines name. More: docs/serving.md."""
    add_root(parser)
    parser.add_argument("--profile", default="demo", help=f"a YAML file, or one of: {', '.join(profile_names())}")
    parser.add_argument(
        "-o", "--override", action="append", default=[], metavar="SECTION.KEY=VALUE", help="change a setting"
    )
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--user", help="id of the user, as `parlance keys add --user` and the sources' user_id have it")
    chosen.add_argument("--check", type=Path, metavar="FILE", help="check a certificate, and print what it states")
    parser.add_argument("--key", type=Path, help="public key for --check (default: the root's own)")
    return _erase


def _erase(options: Namespace) -> int:
    root = root_of(options)
    if options.check:
        from serving.erasure.certificate import PUBLIC, check_certificate

        statement = check_certificate(options.check, options.key or root / FOLDER / PUBLIC)
        print(json.dumps(statement, indent=1, ensure_ascii=False))
        return 0
    if not options.user.strip():
        raise UserError("--user: is empty; name a user")
    from serving.erasure.certificate import PRIVATE, PUBLIC
    from serving.erasure.erase import erase

    if mirror := Mirror.of(root):
        mirror.pull_runs()
        if (root / FOLDER / PUBLIC).is_file() and not (root / FOLDER / PRIVATE).is_file():
            raise UserError(
                f"{mirror.address}: certificates are signed by a key that another machine has; erase there, or copy "
                f"{FOLDER}/{PRIVATE} from its cache to {root / FOLDER}"
            )
        mirror.bring_everything(FileHashes(root / HASHES))
    profile = load_profile(options.profile, [f"storage.root={root}", *options.override])
    certificate, remaining = erase(profile, root, options.user)
    if mirror:
        mirror.sweep(math.inf)
        for run in (root / "runs").glob("[!.]*/profile.json"):
            share_run(run.parent)
        for path in (path for name in SMALL for path in (root / name).glob("*") if path.name != PRIVATE):
            share(path)
    say(f"erase: certificate {certificate}")
    for line in remaining:
        say(f"erase: left: {line}")
    return 1 if remaining else 0
