"""parlance keys: who may use the server."""

from argparse import ArgumentParser, Namespace

from pipeline.contract.options import Runs, add_root, root_of
from pipeline.contract.progress import say


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        parlance keys add --user ada                       prints the key, once; only its hash is kept
        parlance keys add --user ada --requests-a-minute 30 --tokens-a-minute 20000
        parlance keys add --user ops --role operator       may read /metrics
        parlance keys list
        parlance keys revoke 1f2e3d4c                      a key by its id, or all of a user by name

        A running server knows of a change with the next request. Keys of one user are one person: conversations and
        memory are theirs together."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="add|list|revoke", parser_class=ArgumentParser
    )
    add = actions.add_parser("add", help="make a key")
    add.add_argument("--user", required=True, help="whose it is: letters, digits and ._@+-")
    add.add_argument("--role", choices=("user", "operator"), default="user", help="(default: user)")
    add.add_argument("--requests-a-minute", type=_positive, metavar="N", help="(default: serving.limits)")
    add.add_argument("--tokens-a-minute", type=_positive, metavar="N", help="(default: serving.limits)")
    listing = actions.add_parser("list", help="show keys, without their text")
    revoke = actions.add_parser("revoke", help="end a key, or all of a user")
    revoke.add_argument("name", help="id of a key, or a user")
    for each in (add, listing, revoke):
        add_root(each)
    return _keys


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _keys(options: Namespace) -> None:
    from serving.keys import Keys

    keys = Keys(root_of(options))
    if options.action == "add":
        key, text = keys.add(options.user, options.role, options.requests_a_minute, options.tokens_a_minute)
        say(f"key {key.id} of {key.user}, {key.role}; it is shown this once:")
        print(text)
    elif options.action == "revoke":
        for key in keys.revoke(options.name):
            say(f"key {key.id} of {key.user} is revoked")
    else:
        for key in keys.all():
            limits = f"{key.requests_a_minute or '-'} requests, {key.tokens_a_minute or '-'} tokens a minute"
            state = f"revoked {key.revoked}" if key.revoked else f"made {key.made}"
            say(f"{key.id}  {key.user:<24} {key.role:<9} {limits:<40} {state}")
