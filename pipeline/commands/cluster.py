"""parlance cluster: writes what a cluster's scheduler starts a run with."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import yaml

from configs.errors import UserError
from pipeline.contract.options import Runs, add_profile, add_root, profile_of


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        parlance cluster slurm --run-id chat --nodes 2 --slots 8 --set gpus-per-node=8 -o train.steps=2000 | sbatch
        parlance cluster kubernetes --run-id chat --nodes 2 --slots 8 --gpus 8 --image IMAGE | kubectl apply -f -"""
    parser.add_argument("scheduler", choices=("slurm", "kubernetes"))
    add_root(parser)
    add_profile(parser)
    parser.add_argument("--run-id", required=True, help="name of the run, which goes on under it when it is restarted")
    parser.add_argument("--nodes", type=int, default=1, help="machines (default: 1)")
    parser.add_argument("--slots", type=int, default=1, help="ranks of each, one a GPU (default: 1)")
    parser.add_argument("--notice", type=int, default=120, help="seconds to save in before the end (default: 120)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="slurm: an option of sbatch")
    parser.add_argument("--gpus", type=int, default=0, help="kubernetes: GPUs of each machine (default: none)")
    parser.add_argument("--image", help="kubernetes: image that holds parlance, sshd, ssh and pdsh")
    parser.add_argument("--claim", default="parlance", help="kubernetes: volume that all share (default: parlance)")
    return _cluster


def _cluster(options: Namespace) -> None:
    from pipeline.planning.kubernetes import JobSet
    from pipeline.planning.slurm import Slurm

    root = Path(profile_of(options).storage.root).resolve()  # also refuses settings that a run would refuse
    data = ["--data", str(Path(options.data).resolve())] if options.data else []
    profile = Path(options.profile)
    named = str(profile.resolve()) if profile.is_file() else options.profile
    run = ["--root", str(root), "--profile", named, *data, "--run-id", options.run_id]
    run += [word for setting in options.override for word in ("-o", setting)]
    if options.scheduler == "slurm":
        script = Slurm(run, options.run_id, root, options.nodes, options.slots, options.notice, options.set)
        print(script.script(), end="")
        return
    if not options.image:
        raise UserError("--image: kubernetes needs the image that holds parlance; docker/ has what ours is made of")
    job = JobSet(
        run,
        options.run_id,
        root,
        options.image,
        options.claim,
        options.nodes,
        options.slots,
        options.gpus,
        options.notice,
    )
    print(yaml.safe_dump(job.manifest(), sort_keys=False), end="")
