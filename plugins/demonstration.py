"""Takes one run through a served Airflow, shows what is running, and sums it up."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from configs.errors import UserError
from pipeline.contract.formatting import duration, number, size
from pipeline.contract.run_folder import folder_name
from plugins.project import run_name

if TYPE_CHECKING:
    from plugins.local_airflow import Airflow

DAG = "train_chat_model"
FINISHED = {"success", "failed", "skipped", "upstream_failed", "removed"}
SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_MEASURES = 3.0
MOST_FINDINGS = 8


def demonstrate(airflow: "Airflow", profile: str, data: str | None, overrides: list[str]) -> int:
    """Triggers a run, follows it to its end, prints the summary; 0 when it succeeded."""
    started = time.monotonic()
    run_id = f"demo_{datetime.now(UTC):%Y%m%dT%H%M%S}"
    with airflow.client() as client:
        _trigger(client, run_id, {"profile": profile, "data": data, "overrides": overrides})
        folder = airflow.root / "runs" / folder_name(run_name(DAG, run_id))
        watcher = _Watcher(client, run_id, folder)
        state = watcher.follow(airflow)
    report = folder / "report.json"
    if report.is_file():
        _summary(json.loads(report.read_text(encoding="utf-8")))
    console = Console(highlight=False)
    seconds = time.monotonic() - started
    console.print(f"\nrun {run_id}: {state} in {duration(seconds)}", end="")
    console.print(f", peak memory {size(watcher.peak_bytes)} (all processes, Airflow included)")
    if state != "success":
        raise UserError(_reason(folder))
    print(
        f"report  {folder / 'report.html'}\nmodel   {_model_folder(folder)}\npages   make ui    talk to it  make chat"
    )
    return 0


class _Watcher:
    """Prints each task's end, and every few seconds how far the running ones are."""

    def __init__(self, client: httpx.Client, run_id: str, folder: Path) -> None:
        self.client, self.run_id, self.folder = client, run_id, folder
        self.path = f"/dags/{DAG}/dagRuns/{run_id}"
        self.shown: set[str] = set()
        self.peak_bytes = 0
        self.measured_at = 0.0
        self.line_at = time.monotonic()
        self.said = ""
        self.terminal = sys.stdout.isatty()

    def follow(self, airflow: "Airflow") -> str:
        """The run's final state."""
        while True:
            if airflow.ended():
                raise UserError(f"Airflow's {airflow.ended()} ended by itself; its log: {airflow.log(airflow.ended())}")
            tasks = self._get(f"{self.path}/taskInstances")["task_instances"]
            for task in sorted(tasks, key=lambda t: t["end_date"] or ""):
                if task["state"] in FINISHED and task["task_id"] not in self.shown:
                    self.shown.add(task["task_id"])
                    self._ended(task)
            state = self._get(self.path)["state"]
            if state in ("success", "failed"):
                return state
            self._running([t["task_id"] for t in tasks if t["state"] in ("running", "awaiting_input")], airflow.address)
            if time.monotonic() - self.measured_at > SECONDS_BETWEEN_MEASURES:
                self.measured_at = time.monotonic()
                self.peak_bytes = max(self.peak_bytes, _memory())
            time.sleep(0.5)

    def _get(self, path: str) -> Any:
        return self.client.get(path).raise_for_status().json()

    def _ended(self, task: dict[str, Any]) -> None:
        name, state = task["task_id"], task["state"]
        outcome = {}
        record = self.folder / "stages" / f"{name}.json"
        if record.is_file():
            outcome = json.loads(record.read_text())
        found = " (found)" if outcome.get("cached") else ""
        mark = {"success": "done", "failed": "FAILED", "skipped": "skipped"}.get(state, state)
        self._line(f"  {name:<14} {mark:<8} {duration(task['duration'] or 0):>11}{found}")

    def _running(self, names: list[str], address: str) -> None:
        now = time.monotonic()
        if not names or now - self.line_at < (0.5 if self.terminal else SECONDS_BETWEEN_LINES):
            return
        self.line_at = now
        texts = [_last_line(self.folder / "logs" / f"{name}.log", name) for name in names]
        if "approve" in names:
            texts.append(f"waits for your answer: {address}/dags/{DAG}/runs/{self.run_id}/required_actions")
        text = "  … " + "   ".join(texts)
        if self.terminal:
            sys.stdout.write(f"\r\x1b[2K{text[:150]}")
            sys.stdout.flush()
        elif text != self.said:
            self.said = text
            self._line(text)

    def _line(self, text: str) -> None:
        if self.terminal:
            sys.stdout.write("\r\x1b[2K")
        print(text, flush=True)


def _trigger(client: httpx.Client, run_id: str, conf: dict[str, Any]) -> None:
    """Waits until the DAG is known, then starts a run of it."""
    for _ in range(240):
        if client.patch(f"/dags/{DAG}", json={"is_paused": False}).status_code == httpx.codes.OK:
            break
        errors = client.get("/importErrors").json().get("import_errors", [])
        if errors:
            raise UserError(f"{errors[0]['filename']}: cannot be imported: {errors[0]['stack_trace'].splitlines()[-1]}")
        time.sleep(0.25)
    else:
        raise UserError(f"Airflow does not know the DAG {DAG}; its dag-processor's log says why")
    answer = client.post(f"/dags/{DAG}/dagRuns", json={"dag_run_id": run_id, "logical_date": None, "conf": conf})
    if answer.is_error:
        raise UserError(f"Airflow refused the run: {answer.json().get('detail', answer.text)}")


def _last_line(log: Path, name: str) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 2000))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return f"{name}: starts"
    said = [line.strip() for line in lines if line.strip() and not line.startswith("@parlance")]
    return said[-1] if said else f"{name}: starts"


def _reason(folder: Path) -> str:
    """The error line of the task that failed."""
    for log in sorted((folder / "logs").glob("*.log"), key=lambda p: p.stat().st_mtime, reverse=True):
        said = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("error: ")]
        if said:
            return f"{log.stem}: {said[-1].removeprefix('error: ')} (log: {log})"
    return f"the run failed; logs: {folder / 'logs'}, or `make ui`"


def _model_folder(folder: Path) -> str:
    from pipeline.contract.run import Run

    promoted = Run(folder).find("promote")
    return str(promoted.path / "model") if promoted else "none"


def _memory() -> int:
    """Bytes that this process and its descendants hold, shared pages counted once by their share."""
    total = 0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        try:
            total += process.memory_full_info().pss
        except (psutil.Error, AttributeError):
            continue
    return total


def _summary(report: dict[str, Any]) -> None:
    console = Console(highlight=False)
    table = Table(title="rows", title_justify="left", box=None, pad_edge=False)
    for column in ("stage", "in", "out", "took", "dropped or added"):
        table.add_column(column, justify="left" if column in ("stage", "dropped or added") else "right")
    for stage in report["stages"]:
        if stage.get("rows_in") is None:
            continue
        changes = [f"−{n:,} {rule}" for rule, n in (stage.get("dropped") or {}).items()]
        changes += [f"+{n:,} {rule}" for rule, n in (stage.get("added") or {}).items()]
        time_ = "found" if stage["cached"] else duration(stage["seconds"])
        table.add_row(stage["name"], f"{stage['rows_in']:,}", f"{stage['rows_out']:,}", time_, ", ".join(changes))
    console.print()
    console.print(table)
    findings = (report.get("audit") or {}).get("findings", [])
    grave = [f for f in findings if f["severity"] != "info"]
    for finding in grave[:MOST_FINDINGS]:
        console.print(f"finding  {finding['severity']}: {finding['message']}", markup=False)
    if len(findings) > len(grave[:MOST_FINDINGS]):
        console.print(f"finding  {len(findings) - len(grave[:MOST_FINDINGS])} more in the report")
    training, scores = report.get("training"), report.get("evaluation")
    if training:
        losses = training["train_loss"]
        validation = training["validation_loss"][-1][1] if training["validation_loss"] else None
        console.print(
            f"training {training['parameters']:,} parameters, {training['ranks']} ranks, {training['steps']:,} steps, "
            f"{training['tokens']:,} tokens at {training['tokens_per_second']:,.0f}/s, "
            f"loss {losses[0][1]:.3f} → {losses[-1][1]:.3f}, validation {number(validation)}"
        )
    if scores:
        rouge = scores["rouge"]
        console.print(
            f"scores   perplexity {scores['perplexity']:.1f} (unigram {scores['unigram_perplexity']:.1f}), "
            f"{scores['bits_per_byte']:.3f} bits a byte, BLEU {number(scores['bleu']['score'], 2)}, "
            f"ROUGE-1/2/L {'/'.join(number(rouge.get(kind)) for kind in ('rouge1', 'rouge2', 'rougeL'))}"
        )
        for exchange in scores["greetings"][:3]:
            console.print(f"  > {exchange['prompt']}\n    {exchange['reply']}", markup=False)
    if report.get("promotion"):
        console.print(f"decision {report['promotion']['decision']}: {report['promotion']['reason']}", markup=False)
