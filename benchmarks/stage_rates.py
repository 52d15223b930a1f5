"""The `stages` section of configs/rates.yaml, from what a calibration and runs on this machine measured.

parlance plan --profile demo --calibrate --root /tmp/rates
python -m benchmarks.stage_rates /tmp/rates

Prints YAML to paste, and, after a whole run under the same root (parlance run --profile demo --root
/tmp/rates), a JSON line a stage: planned seconds from the calibration alone, real seconds, their ratio.
"""

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from configs.errors import UserError
from pipeline.planning.history import Measurement, load_calibration, measurements
from pipeline.planning.rates import fit, table_rates


def main() -> int:
    """Prints the rates and the comparison; 0, or 2 without a calibration."""
    options = _parser().parse_args()
    root, cores = Path(options.root), options.cores
    try:
        calibration = load_calibration(root)
        if calibration is None:
            raise UserError(f"{root}: no calibration; `parlance plan --calibrate --root {root}` makes one")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    points: dict[str, list[Measurement]] = {}
    for point in calibration["measurements"]:
        points.setdefault(point["stage"], []).append(Measurement(**point))
    print(f"stages:\n  date: {datetime.now(UTC):%Y-%m-%d}\n  hardware: {cores} cores ({platform.machine()})")
    print("  command: parlance plan --profile demo --calibrate; python -m benchmarks.stage_rates ROOT")
    rates = {name: fit(prior, points.get(name, []), cores) for name, prior in table_rates().items()}
    for name, rate in rates.items():
        slope = "" if rate.unit == "none" else f", core_seconds: {rate.core_seconds:.3g}"
        print(f"  {name}: {{start: {rate.start:.3g}{slope}}}")
    for real in measurements(root):
        planned = rates[real.stage].seconds(real.units, cores)
        ratio = round(real.seconds / planned, 2) if planned else None
        print(json.dumps({"stage": real.stage, "planned": round(planned, 1), "real": real.seconds, "ratio": ratio}))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("root", help="storage root that holds calibration.json, and perhaps artifacts of a run")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="cores that it was measured on")
    return parser


if __name__ == "__main__":
    sys.exit(main())
