"""Airflow on one machine: `make ui` serves it, `make demo` takes one run through its scheduler.

python -m plugins.standalone ui --port 8080
python -m plugins.standalone demo --profile demo --data chats.jsonl
python -m plugins.standalone airflow dags list-runs train_chat_model
"""

import argparse
import os
import signal
import socket
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import FrameType

from configs.credentials import masked
from configs.errors import UserError
from pipeline.contract.progress import say
from pipeline.report.tracking import ADDRESS
from plugins.local_airflow import Airflow, airflow_environment
from plugins.project import root
from plugins.tracking_server import TrackingServer

MLFLOW_PORT = 5000
"""MLflow's own; another one where it is taken."""


def main() -> int:
    """Serves or demonstrates; returns 0, or 2 for what the user can act on, or 1 for a failed run."""
    options = _parser().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        return options.command(options)
    except UserError as error:
        print(f"error: {masked(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        say("\nstopped; the same command goes on from here")
        return 130


def ui(options: argparse.Namespace) -> int:
    """Airflow in the foreground, until Ctrl-C."""
    _refuse_taken(options.port)
    with _tracking(options.port), Airflow(root(), options.port) as airflow:
        say(f"Airflow: {airflow.address}   login: admin   password: {airflow.password}")
        say(f"MLflow:  {os.environ[ADDRESS]}   for whoever has an account on this machine")
        say(f"logs: {airflow.home / 'logs'}   stop: Ctrl-C")
        while not airflow.ended():
            time.sleep(1)
        raise UserError(f"Airflow's {airflow.ended()} ended by itself; its log: {airflow.log(airflow.ended())}")


def _tracking(port: int) -> AbstractContextManager[object]:
    """MLflow's pages over this root's tracking store, unless $PARLANCE_MLFLOW says where they are served."""
    if os.environ.get(ADDRESS):
        return nullcontext()
    server = TrackingServer(root(), MLFLOW_PORT if port != MLFLOW_PORT and _free(MLFLOW_PORT) else _free_port())
    os.environ[ADDRESS] = server.address
    return server


def demo(options: argparse.Namespace) -> int:
    """One run of train_chat_model through the scheduler and the real operators, shown live."""
    from plugins.demonstration import demonstrate

    _check(options)
    port = options.port if _free(options.port) else _free_port()
    with Airflow(root(), port, _own_settings(options)) as airflow:
        return demonstrate(airflow, options.profile, options.data, options.override)


def _own_settings(options: argparse.Namespace) -> list[str]:
    """What this command line asks for: whoever has the shell may set all of it, and only that is let through."""
    return [f"profile={options.profile}", *([f"data={options.data}"] if options.data else []), *options.override]


def airflow(options: argparse.Namespace) -> int:
    """Any command of Airflow's, with the settings and the database of `make ui`."""
    program = str(Path(sys.executable).parent / "airflow")
    os.execve(program, [program, *options.arguments], airflow_environment(root(), options.port))


def _check(options: argparse.Namespace) -> None:
    """Refuses before Airflow starts what the run would refuse in its first task."""
    from configs.load import load_profile
    from pipeline.planning.preflight import check

    check(load_profile(options.profile, [f"storage.root={root()}", *options.override], options.data))


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _refuse_taken(port: int) -> None:
    if not _free(port):
        raise UserError(f"port {port} is taken; end what listens there, or choose another: make ui PORT={port + 1}")


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m plugins.standalone", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, help_ in (("ui", ui, "serve Airflow"), ("demo", demo, "take one run through Airflow")):
        command = commands.add_parser(name, help=help_, description=(function.__doc__ or "").strip())
        command.add_argument("--port", type=int, default=8080, help="port of Airflow's API and pages (default: 8080)")
        command.set_defaults(command=function)
    command.add_argument("--profile", default="demo", help="name or path of a profile (default: demo)")
    command.add_argument("--data", help="file or folder of conversations that replaces the profile's sources")
    command.add_argument("-o", "--override", action="append", default=[], metavar="SECTION.KEY=VALUE")
    any_ = commands.add_parser("airflow", help="a command of Airflow's", description=(airflow.__doc__ or "").strip())
    any_.add_argument("--port", type=int, default=8080, help="port that make ui serves at (default: 8080)")
    any_.add_argument("arguments", nargs=argparse.REMAINDER, metavar="…")
    any_.set_defaults(command=airflow)
    return parser


if __name__ == "__main__":
    sys.exit(main())
