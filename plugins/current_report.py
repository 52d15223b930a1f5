"""Reports as new as their runs' newest records, in a process that many ask at once."""

import threading

from pipeline.contract.run import Run
from pipeline.report.report import is_current, write_report

building = threading.Lock()
"""Matplotlib's settings and a report's partial files are the process's own."""


def current(run: Run, name: str) -> bytes:
    """The bytes of report.html or report.json."""
    with building:
        if not is_current(run):
            write_report(run)
    return (run.folder / name).read_bytes()
