"""parlance serve: the champion over HTTP."""

import logging
import os
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from pathlib import Path

from configs.errors import UserError
from configs.load import load_profile, profile_names
from configs.profile import Profile
from pipeline.contract.options import Runs, add_root, root_of
from pipeline.contract.progress import say

GRACE_SECONDS = 30
"""For the replies under way when the server is told to stop."""


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        The model is the registry's champion, and stays so: a promotion or rollback is taken over within seconds, and
        replies under way are finished by the version that began them.

        parlance serve                                    on http://127.0.0.1:8000, for this machine's own users
        curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' \\
             -d '{"model": "parlance-chat", "messages": [{"role": "user", "content": "Hello!"}]}'
        parlance serve --model FOLDER                     a model that is in no registry
        parlance keys add --user ada                      others need a key …
        parlance serve --host 0.0.0.0                     … and come from anywhere
        parlance serve -o serving.embedded.processes=2    more engines; serving.engines names vLLM's by address

        /v1/models says what is served, /healthz that the server runs, /readyz that it can answer, /metrics how it does.
        All settings: section serving of docs/configuration.md. More: docs/serving.md."""
    add_root(parser)
    parser.add_argument("--profile", default="demo", help=f"a YAML file, or one of: {', '.join(profile_names())}")
    parser.add_argument(
        "-o", "--override", action="append", default=[], metavar="SECTION.KEY=VALUE", help="change a setting"
    )
    parser.add_argument("--model", help="model folder (default: the registry's champion)")
    parser.add_argument("--host", help="address to listen on (default: serving.host, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: serving.port, 8000)")
    return _serve


def _serve(options: Namespace) -> None:
    root = root_of(options)
    given = {"host": options.host, "port": options.port, "model": options.model and str(Path(options.model).resolve())}
    overrides = [f"serving.{key}={value}" for key, value in given.items() if value is not None]
    profile = load_profile(options.profile, [*options.override, *overrides])
    folder = profile.serving.model
    if folder and not Path(folder, "config.json").is_file():
        raise UserError(f"serving.model: {folder} holds no model (config.json); name a folder of one")
    logging.basicConfig(level=os.environ.get("PARLANCE_LOG", "INFO"), format="%(asctime)s %(levelname)s %(message)s")
    for library in ("httpx", "aiohttp.access", "transformers", "mlflow"):
        logging.getLogger(library).setLevel(logging.WARNING)
    run(profile, root)


def run(profile: Profile, root: Path) -> None:
    """Serves until SIGINT or SIGTERM; then finishes what is under way, for GRACE_SECONDS at most.

    Raises UserError when the address is taken, the model does not load or the dialogue cannot be opened.
    """
    import uvicorn

    from serving.app import ServingSettings, create_app
    from serving.dialogue.dialogue import KeptDialogue
    from serving.listening import listen

    serving = profile.serving
    socket = listen(serving.host, serving.port)
    host, port = socket.getsockname()[:2]
    app = create_app(ServingSettings(profile, root), KeptDialogue(profile, root))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        lifespan="on",
    )
    say(f"http://{f'[{host}]' if ':' in host else host}:{port}/v1 serves {profile.promote.model_name}; Ctrl-C ends it")
    server, log = uvicorn.Server(config), logging.getLogger("uvicorn.error")
    log.addFilter(works := lambda _: not app.state.failed)  # else it prints the traceback of what is raised below
    try:
        with suppress(KeyboardInterrupt):  # which uvicorn raises again when it has ended
            server.run(sockets=[socket])
    except SystemExit:  # of uvicorn, when the application did not start
        if not app.state.failed:
            raise
    finally:
        log.removeFilter(works)
    if app.state.failed:
        raise UserError(app.state.failed)
