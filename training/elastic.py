"""Training begins again after a fault, without the machines that do not answer. Imports no torch."""

from pathlib import Path

from configs.errors import UserError
from configs.hostfile import hosts
from pipeline.contract.progress import say
from training.job_config import JobConfig, fitting_micro_batches
from training.machines import unreachable

HOSTFILE = "hostfile.left"


def remaining(job: JobConfig, path: Path) -> JobConfig:
    """The job on the machines of its hostfile that answer; path: of the job.

    Raises UserError when they are fewer than launch.fewest_machines, or cannot divide the batch.
    """
    if job.launch.hostfile is None:
        return job
    machines = hosts(Path(job.launch.hostfile))
    lost = unreachable(machines, path)
    if not lost:
        return job
    left = {host: slots for host, slots in machines.items() if host not in lost}
    named = ", ".join(f"{host} ({why})" for host, why in lost.items())
    fewest = job.launch.fewest_machines or len(machines)
    if len(left) < fewest:
        raise UserError(
            f"launch.hostfile: {named} no longer answers, and {len(left)} of {fewest} machines are left; run the same "
            f"command when it is back, or lower launch.fewest_machines: training goes on from the newest checkpoint"
        )
    if job.train.dropout or (job.lora and job.lora.dropout):
        raise UserError(
            f"launch.hostfile: {named} no longer answers, and with dropout the number of ranks decides the weights; "
            f"run the same command when it is back"
        )
    ranks = sum(left.values())
    groups, alone = divmod(ranks, job.launch.sequence_parallel)
    fitting = fitting_micro_batches(job.train.batch_tokens, groups * job.packed_length, job.micro_batch)
    fitting = [] if alone else fitting
    if not fitting:
        raise UserError(
            f"launch.hostfile: {named} no longer answers, and the {ranks} ranks that are left cannot divide a batch of "
            f"{job.batch_sequences} sequences; run the same command when it is back"
        )
    hostfile = job.checkpoints / HOSTFILE
    hostfile.write_text("".join(f"{host} slots={slots}\n" for host, slots in left.items()), encoding="utf-8")
    say(f"train: goes on without {named}: {ranks} ranks, micro-batch {fitting[-1]}")
    launch = job.launch.model_copy(update={"hostfile": str(hostfile), "micro_batch": fitting[-1]})
    return job.model_copy(update={"launch": launch, "world_size": ranks})
