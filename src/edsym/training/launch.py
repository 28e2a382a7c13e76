"""Training in several processes under SLURM: a task a device, on one node or on several."""

import os
import subprocess
import sys

TASK = "--task"


def is_task() -> bool:
    """Return whether this process is one that `launch` started."""
    return TASK in sys.argv


def launches(tasks: int) -> bool:
    """Return whether this process has to start the tasks: in a SLURM job, of more than one."""
    return tasks > 1 and "SLURM_JOB_ID" in os.environ and not is_task()


def launch(tasks: int, nodes: int, threads: int) -> None:
    """Run this script once a task, over the nodes of this SLURM job, and wait for the end.

    Elsewhere, Lightning itself starts the processes of one machine.

    Parameters
    ----------
    tasks : int
        Processes in all, evenly on the nodes.
    nodes : int
        Nodes.
    threads : int
        CPUs of each process.

    Raises
    ------
    SystemExit
        With a line that says so, if a process fails, of which the others are ended, or at Ctrl-C.
    """
    place = [f"--nodes={nodes}", f"--ntasks={tasks}", f"--ntasks-per-node={tasks // nodes}"]
    options = [f"--cpus-per-task={threads}", "--kill-on-bad-exit=1"]
    command = ["srun", *place, *options, sys.executable, sys.argv[0], TASK]
    try:
        subprocess.run(command, check=True)
    except subprocess.CalledProcessError as error:
        sys.exit(f"ERROR: srun ended with status {error.returncode}; what the tasks said is above")
    except KeyboardInterrupt:
        sys.exit("ERROR: ended by SIGINT, and all tasks with it")


def rank() -> int:
    """Return the number of this process among those of the training, whoever started it."""
    return int(os.environ["SLURM_PROCID"] if is_task() else os.environ.get("LOCAL_RANK", 0))
