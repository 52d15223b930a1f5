"""parlance plan: hours, machines, GPUs, memory, disk and money of a run, before it starts."""

import json
from argparse import ArgumentParser, Namespace

from pipeline.contract.mirror import root_folder
from pipeline.contract.options import Runs, add_profile, add_root, profile_of
from pipeline.contract.progress import say


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        Hours, machines, GPUs, memory, disk and money, from the profile that runs. Speeds come from what
        earlier runs under the root took, or from --calibrate, else from configs/rates.yaml."""
    add_root(parser)
    add_profile(parser)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--calibrate", action="store_true", help="measure this machine first, in about five minutes")
    return _plan


def _plan(options: Namespace) -> None:
    from pipeline.planning.calibrate import calibrate
    from pipeline.planning.estimate import estimate
    from pipeline.planning.render import console, print_plan

    profile = profile_of(options)
    root = root_folder(profile.storage.root)
    if options.calibrate:
        say(f"calibration: {calibrate(profile, root)}")
    estimated = estimate(profile, root)
    if options.json:
        print(json.dumps(estimated, indent=1, ensure_ascii=False))
    else:
        print_plan(estimated, console())
