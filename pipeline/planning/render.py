"""The plan as text: tables for a terminal, plain when piped; and the lines that a log or an approval shows."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.contract.formatting import HOUR, MINUTE, NONE, duration, magnitude, percent, size
from pipeline.contract.markdown import literal
from pipeline.contract.stages import STAGES, conversations_into

Plan = dict[str, Any]
AMOUNTS = ("preparation", "training", "embedding_and_evaluation", "run", "storage_a_month", "serving_a_month")


def print_plan(plan: Plan, console: Console) -> None:
    """All of it."""
    console.print(f"[bold]plan[/bold]  {escape(plan['profile'])}")
    for line in summary(plan):
        console.print(f"  {line}", markup=False)
    for part in (_data, _two_estimates, _training, _stages, _memory, _storage, _vectors, _deployment, _cost, _sources):
        console.print()
        console.print(part(plan))
        for note in NOTES.get(part.__name__, lambda _: [])(plan):
            console.print(f"  {note}", markup=False, style="dim")
    for warning in plan["warnings"]:
        console.print(f"\nwarning: {warning}", markup=False, style="yellow")


def console() -> Console:
    """As wide as the terminal; 120 columns, and plain, when piped."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=120, no_color=True)


def summary(plan: Plan) -> list[str]:
    """Hours, machines, GPUs, disk and money, in a few lines."""
    hardware, cost = plan["hardware"], plan["cost"]
    where = (
        f"{hardware['machines']} {'machine' if hardware['machines'] == 1 else 'machines'}, {hardware['cores']:,} cores"
    )
    ranks = f"{hardware['ranks']} × {hardware['gpu']}" if hardware["gpu"] else f"{hardware['ranks']} CPU ranks"
    honest = plan["honest"]
    lines = [
        f"time     {duration(plan['seconds'])}: data {duration(honest['preparation_seconds'])} on {where}, "
        f"training {duration(honest['training_seconds'])} on {ranks}",
        f"data     {magnitude(plan['data']['rows']['acquire'])} rows, {magnitude(plan['data']['tokens'])} tokens; "
        f"training sees {magnitude(honest['tokens'])}, {honest['epochs']:.3g} epochs",
        f"disk     {size(plan['storage']['total'])} under storage.root, "
        f"vector store {size(plan['storage']['vector_store']['total'])}",
    ]
    if cost["run"] is not None:
        lacking = f" (without {', '.join(cost['missing'])})" if cost["missing"] else ""
        lines.append(f"money    {money(cost['run'], cost['currency'])} for the run{lacking}")
    else:
        lines.append(f"money    not known: {', '.join(cost['missing'])} not set")
    return lines


def markdown(plan: Plan) -> str:
    """The summary and the warnings as a Markdown list."""
    lines = [f"- {literal(line)}" for line in summary(plan)]
    return "\n".join([*lines, *(f"- warning: {literal(w)}" for w in plan["warnings"])])


def _data(plan: Plan) -> Table:
    data = plan["data"]
    table = _table("data", "after", "rows", "text", "a row")
    for stage in (name for name, declared in STAGES.items() if declared.resizes):
        rows, text = data["rows"][stage], data["text"][stage]
        table.add_row(stage, magnitude(rows), size(text), f"{text / rows:,.0f} B")
    return table


def _data_notes(plan: Plan) -> list[str]:
    data = plan["data"]
    return [
        f"rows and text: {data['origin']['data']}; what is kept: {data['origin']['shares']}",
        f"{magnitude(data['tokens'])} tokens, {data['bytes_per_token']:.2f} bytes each ({data['origin']['tokens']}); "
        f"{magnitude(data['train_tokens'])} of them train, {percent(data['waste'])} of the packed length is padding",
        *([f"training rows: {data['origin']['selection']}"] if "selection" in data["origin"] else []),
    ]


def _two_estimates(plan: Plan) -> Table:
    book, honest, hardware = plan["textbook"], plan["honest"], plan["hardware"]
    table = _table("two estimates", "", "textbook", "honest")
    many = "all GPUs" if hardware["gpu"] else "all ranks"
    mfu = f"{percent(honest['efficiency'])} MFU" if honest["efficiency"] else "as measured"
    rate = f"{book['flops_a_second'] / 1e12:,.0f} TFLOP/s" if book["flops_a_second"] else NONE
    work = honest["tflop"] * 1e12
    for row in (
        (
            "data: seconds a row",
            f"{1e3 * book['seconds_a_row']:.4g} ms a machine",
            f"{1e3 * honest['seconds_a_row']:.3g} ms",
        ),
        *([("data: one machine", hours(book["preparation_seconds_one"]), NONE)] if book["machines"] > 1 else []),
        (
            f"data: {book['machines']} {'machine' if book['machines'] == 1 else 'machines'}",
            hours(book["preparation_seconds"]),
            duration(honest["preparation_seconds"]),
        ),
        ("training: parameters", f"{book['parameters']:,}", f"{honest['parameters']:,}"),
        (
            "training: examples",
            f"{book['epochs']:.4g} × {magnitude(book['rows'])} rows × {book['time_steps']}",
            f"{honest['epochs']:.3g} × {magnitude(plan['data']['train_tokens'])} tokens",
        ),
        ("training: FLOP an example", f"{6 * book['parameters']:.3g}", f"{honest['flops_a_token']:.3g}"),
        (
            "training: FLOP",
            f"{6 * book['parameters'] * book['epochs'] * book['rows'] * book['time_steps']:.3g}",
            f"{work:.3g}",
        ),
        ("training: rate of one", rate, mfu),
        ("training: one", duration(book["training_seconds_one"]), NONE),
        (
            f"training: {book['gpus']}, {many}",
            _exact(book["training_seconds"]),
            duration(honest["training_seconds"]),
        ),
    ):
        table.add_row(*row)
    return table


def _two_notes(plan: Plan) -> list[str]:
    book, data = plan["textbook"], plan["data"]
    tokens = data["tokens"] / data["rows"][conversations_into("tokenise")]
    return [
        "why they differ: the textbook counts a row as "
        f"{book['time_steps']} {'example' if book['time_steps'] == 1 else 'examples'}, and it is {tokens:,.0f} tokens; "
        "it leaves out attention, validation, checkpoints and failures; its rate is assumed, not measured; and its "
        f"epochs are {book['epochs']:,.4g}, the run's {plan['honest']['epochs']:.3g}",
    ]


def _training(plan: Plan) -> Table:
    honest = plan["honest"]
    table = _table("training, honestly", "", "time", "")
    for name, seconds, note in (
        ("start", honest["start"], "ranks, model, first step"),
        ("steps", honest["compute"], honest["origin"]),
        ("validation", honest["validation"], "forward passes"),
        ("checkpoints", honest["checkpoints"], f"{size(honest['checkpoint_bytes'])} each, and the best weights"),
        (
            "interruptions",
            honest["failures"],
            f"{honest['interruptions']:.2g} expected"
            + (f"; best every {honest['best_checkpoint_steps']} steps" if honest["best_checkpoint_steps"] else ""),
        ),
    ):
        table.add_row(name, duration(seconds), note)
    return table


def _training_notes(plan: Plan) -> list[str]:
    return [
        f"up to 4 epochs make sense (Muennighoff et al. 2023): train.steps up to {plan['honest']['sensible_steps']:,} "
        "for these tokens"
    ]


def _stages(plan: Plan) -> Table:
    table = _table("stages", "stage", "work", "time")
    for stage in plan["stages"]:
        table.add_row(stage["stage"], _work(stage["units"], stage["unit"]), duration(stage["seconds"]))
    table.add_row("all, and processes' starts", "", duration(plan["seconds"]))
    return table


def _work(units: float, unit: str) -> str:
    """The work of a stage, in words."""
    if not unit:
        return ""
    if unit == "TFLOP":
        return f"{units * 1e12:.3g} FLOP"
    return size(units * 1e6) + " of text" if unit == "MB of text" else f"{magnitude(units * 1e3)} {unit.split()[-1]}"


def _memory(plan: Plan) -> Table:
    names = ("weights", "gradients", "optimizer", "activations", "logits", "working", "step", "buffers")
    table = _table(
        "training memory a rank, by ZeRO stage",
        "ZeRO",
        *names,
        "peak",
        "fits",
        "largest micro-batch",
        "checkpoint (host)",
    )
    for row in plan["memory"]:
        fits = {True: "yes", False: "no", None: NONE}[row["fits"]]
        largest = NONE if row["largest"] is None else str(row["largest"])
        mark = " ←" if row["chosen"] else ""
        parts = (size(row["parts"][n]) for n in names)
        table.add_row(f"{row['zero_stage']}{mark}", *parts, size(row["total"]), fits, largest, size(row["copy"]))
    return table


def _storage(plan: Plan) -> Table:
    storage = plan["storage"]
    table = _table("storage", "", "bytes")
    for stage, value in storage["artifacts"].items():
        table.add_row(stage, size(value))
    table.add_row("lineage of dropped rows", size(storage["lineage"]))
    table.add_row("checkpoints while training", size(storage["checkpoints"]))
    table.add_row("all under storage.root", size(storage["total"]))
    for name, value in storage["model"].items():
        table.add_row(f"model in {name}", size(value))
    return table


def _vectors(plan: Plan) -> Table:
    store = plan["storage"]["vector_store"]
    table = _table("vector store", "", "bytes")
    for name in ("vectors", "quantised", "index", "payload"):
        table.add_row({"quantised": "8-bit copies", "index": "HNSW index"}.get(name, name), size(store[name]))
    copies = f"{store['replicas']:g} {'copy' if store['replicas'] == 1 else 'copies'}"
    earlier = f", {store['collections'] - 1} earlier collections too" if store["collections"] > 1 else ""
    table.add_row(f"all, {copies}{earlier}", size(store["total"]))
    table.add_row("memory to search it", size(plan["storage"]["vector_memory"]))
    return table


def _deployment(plan: Plan) -> Table:
    d = plan["deployment"]
    table = _table("deployment", "", "")
    rows = [
        ("requests", f"{magnitude(d['requests_a_day'])} a day, {d['peak_requests_a_second']:.3g} a second at the peak"),
        ("profiles of users", size(d["profiles"])),
        ("conversations kept", size(d["conversations"])),
        ("bandwidth at the peak", f"{size(d['bandwidth_in'])}/s in, {size(d['bandwidth_out'])}/s out (text)"),
        ("weights in memory", size(d["weights"])),
        ("key/value cache", f"{size(d['cache_a_token'])} a token, {size(d['cache_a_request'])} a request"),
    ]
    if d["gpu"]:
        rows += [
            (f"concurrent requests a {d['gpu']}", f"{d['concurrent_a_gpu']:,} by memory"),
            ("within the latency target", f"{d['batch_for_latency']:,} at once, {d['latency_seconds']:.3g} s a reply"),
            ("requests a second a GPU", f"{d['requests_a_second_a_gpu']:.3g}"),
            ("GPUs by throughput, by latency", f"{d['gpus_by_throughput']}, {d['gpus_by_latency']}"),
            ("GPUs, spares included", f"{d['gpus']}"),
        ]
    else:
        rows.append(("GPUs", "not computed: plan.deployment.gpu is not set"))
    if served := d["measured"]:
        rate = f"{served['tokens_a_second']:.3g} tokens, {served['requests_a_second']:.3g} requests a second"
        rows += [
            (f"one server, measured on {served['on']}", f"{rate}, {served['clients']} clients at once"),
            ("a reply there", f"{served['latency']:.3g} s"),
            ("such servers, spares included", f"{served['servers']}"),
        ]
    for row in rows:
        table.add_row(*row)
    return table


def _cost(plan: Plan) -> Table | str:
    cost = plan["cost"]
    table = _table("money", "", "")
    if all(cost[name] is None for name in AMOUNTS):
        return "[bold]money[/bold]"
    for name in AMOUNTS:
        table.add_row(name.replace("_", " "), money(cost[name], cost["currency"]))
    return table


def _cost_notes(plan: Plan) -> list[str]:
    missing = plan["cost"]["missing"]
    return [f"prices are yours to give: {', '.join(missing)} not set"] if missing else []


def _sources(plan: Plan) -> Table:
    table = _table("where the speeds come from", "stages", "source")
    by_origin: dict[str, list[str]] = {}
    for stage in plan["stages"]:
        by_origin.setdefault(stage["origin"], []).append(stage["stage"])
    for origin, stages in by_origin.items():
        table.add_row(", ".join(stages), origin)
    return table


NOTES = {
    "_data": _data_notes,
    "_two_estimates": _two_notes,
    "_training": _training_notes,
    "_cost": _cost_notes,
}


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, show_edge=False)
    last_is_text = title in ("training, honestly", "deployment", "where the speeds come from")
    for index, column in enumerate(columns):
        text = index == 0 or (last_is_text and index == len(columns) - 1)
        table.add_column(column, justify="left" if text else "right", overflow="fold")
    return table


def hours(seconds: float) -> str:
    """Hours, as the textbook gives them; below one, the unit that suits."""
    return f"{seconds / HOUR:,.1f} h" if seconds >= HOUR else duration(seconds)


def _exact(seconds: float | None) -> str:
    """The textbook's figure to two decimals, and readable."""
    if seconds is None:
        return NONE
    return f"{seconds:,.2f} s = {duration(seconds)}" if seconds >= MINUTE else duration(seconds)


def money(amount: float | None, currency: str) -> str:
    """An amount in the profile's currency."""
    return NONE if amount is None else f"{amount:,.2f} {currency}".rstrip()
