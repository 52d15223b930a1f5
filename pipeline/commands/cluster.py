"""parlance cluster: writes what a cluster's scheduler starts a run with."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

import yaml

from configs.addresses import is_address
from configs.errors import UserError
from pipeline.contract.options import Runs, add_profile, add_root, profile_of
from pipeline.contract.stages import TASKS


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        parlance cluster slurm --run-id chat --nodes 2 --slots 8 --set gpus-per-node=8 -o train.steps=2000 | sbatch
        parlance cluster kubernetes --run-id chat --root /data/var --nodes 2 --slots 8 --resource nvidia.com/gpu \\
            --image registry.example/parlance:1 | kubectl apply -f -"""
    parser.add_argument("scheduler", choices=("slurm", "kubernetes"))
    add_root(parser)
    add_profile(parser)
    parser.add_argument("--run-id", required=True, help="name of the run, which goes on under it when it is restarted")
    parser.add_argument("--until", choices=TASKS, default=TASKS[-1], help="last task to run", metavar="TASK")
    parser.add_argument("--nodes", type=_count, default=1, help="machines (default: 1)")
    parser.add_argument("--slots", type=_count, default=1, help="ranks of each, one a GPU (default: 1)")
    parser.add_argument("--notice", type=_count, default=120, help="seconds to save in before the end (default: 120)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="slurm: an option of sbatch")
    parser.add_argument("--resource", default="", help="kubernetes: what each rank takes one of, as nvidia.com/gpu")
    parser.add_argument("--image", help="kubernetes: what docker/Dockerfile makes, in a registry")
    parser.add_argument("--claim", default="parlance", help="kubernetes: volume that all share (default: parlance)")
    return _cluster


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"must be a whole number above 0, not {text!r}")
    return int(text)


def _cluster(options: Namespace) -> None:
    given = profile_of(options).storage.root  # also refuses settings that a run would refuse
    if is_address(given):
        raise UserError(f"storage.root: {given} is no folder that all nodes mount; give one")
    root = Path(given).resolve()
    print(_slurm(options, root) if options.scheduler == "slurm" else _kubernetes(options, root), end="")


def _slurm(options: Namespace, root: Path) -> str:
    from pipeline.planning.slurm import Slurm

    root.mkdir(parents=True, exist_ok=True)  # Slurm makes no folder for what a job prints
    run = _arguments(options, root)
    return Slurm(run, options.run_id, root, options.nodes, options.slots, options.notice, options.set).script()


def _kubernetes(options: Namespace, root: Path) -> str:
    from pipeline.planning.kubernetes import JobSet

    if not options.image:
        raise UserError("--image: kubernetes needs an image that holds parlance; docker/Dockerfile makes one")
    job = JobSet(
        run=_arguments(options, root),
        run_id=options.run_id,
        root=root,
        image=options.image,
        claim=options.claim,
        nodes=options.nodes,
        slots=options.slots,
        resource=options.resource,
        notice=options.notice,
    )
    return yaml.safe_dump(job.manifest(), sort_keys=False)


def _placed(data: str) -> str:
    return data if is_address(data) else str(Path(data).resolve())


def _arguments(options: Namespace, root: Path) -> list[str]:
    """Of `parlance run`, with paths that do not depend on where it starts."""
    profile = Path(options.profile)
    named = str(profile.resolve()) if profile.is_file() else options.profile
    data = ["--data", _placed(options.data)] if options.data else []
    settings = [word for setting in options.override for word in ("-o", setting)]
    where = ["--root", str(root), "--profile", named, *data]
    return [*where, "--run-id", options.run_id, "--until", options.until, *settings]
