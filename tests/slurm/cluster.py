"""A throw-away SLURM cluster on one machine: Debian's packages, no systemd, all its files in one folder.

Its nodes pretend to have more than the machine: jobs are scheduled as on real ones.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PACKAGES = ("slurm-wlm", "munge")
GPU_DEVICES = ("/dev/null", "/dev/zero", "/dev/full")  # a GPU is any character device to the scheduler

SLURM_CONF = """\
ClusterName=throwaway
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
SwitchType=switch/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
# memory is measured each second: this works without cgroups
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
# no accounting: squeue alone remembers finished jobs, here for a day
AccountingStorageType=accounting_storage/none
MinJobAge=86400
MaxJobCount=20000
# an impossible request is refused and does not wait for ever
EnforcePartLimits=ALL
SlurmdParameters=config_overrides
KillWait=5
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=2,bf_interval=2
NodeName=DEFAULT CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus}
{nodes}
PartitionName=DEFAULT MaxTime=INFINITE DefaultTime=60 State=UP
PartitionName=main Nodes=node0 Default=YES
PartitionName=both Nodes=ALL
"""

# The executor starts srun without the variable that names the configuration.
SRUN = """\
#!/bin/sh
SLURM_CONF={folder}/slurm.conf exec {srun} "$@"
"""


@contextmanager
def throw_away_cluster(
    nodes: int = 1, cpus: int = 4, memory: int = 64000, gpus: int = 2
) -> Iterator[dict[str, str]]:
    """Start a cluster, yield the environment of its users, and end all that was started.

    Parameters
    ----------
    nodes : int
        Nodes of the partition `both`; the partition `main` has the first of them.
    cpus, memory, gpus : int
        What each node pretends to have; memory in MB.

    Yields
    ------
    dict
        The environment in which sbatch, squeue, srun and scancel find the cluster.
    """
    install()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-")))
        environment = write_configuration(folder, nodes, cpus, memory, gpus)
        munge = ("--key-file", "munge.key", "--socket", "munge.socket", "--pid-file", "munge.pid")
        daemon = [f"{folder}/{word}" if word.startswith("munge.") else word for word in munge]
        logs = ("--log-file", f"{folder}/munge.log", "--seed-file", f"{folder}/munge.seed")
        stack.enter_context(running(["munged", "--foreground", *daemon, *logs], environment))
        wait_for(lambda: (folder / "munge.socket").exists(), "munged", folder)
        stack.enter_context(running(["slurmctld", "-D"], environment))
        for node in range(nodes):
            stack.enter_context(running(["slurmd", "-D", "-N", f"node{node}"], environment))
        ready = ("sinfo", "-h", "-N", "-p", "both", "-t", "idle", "-o", "%N")
        wait_for(lambda: len(command(environment, *ready).split()) == nodes, "every node", folder)
        stack.callback(end_all_jobs, environment)
        yield environment


def install() -> None:
    """Install Debian's packages, or say what is missing."""
    if all(shutil.which(program, path=search_path()) for program in ("slurmctld", "slurmd", "munged")):
        if os.getuid() == 0:
            return
        raise SystemExit("a throw-away SLURM cluster has to be started as root")
    if os.getuid() or not shutil.which("apt-get"):
        raise SystemExit(f"a throw-away SLURM cluster needs root and Debian's packages {' '.join(PACKAGES)}")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=quiet)
    options = ("-qq", "--yes", "--no-install-recommends")
    subprocess.run(
        ["apt-get", "install", *options, *PACKAGES], check=True, env=quiet, stdout=subprocess.DEVNULL
    )


def search_path() -> str:
    """Return where programs are searched, daemons included."""
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def write_configuration(folder: Path, nodes: int, cpus: int, memory: int, gpus: int) -> dict[str, str]:
    """Write the configuration into a folder and return the environment that points there."""
    folder.chmod(0o755)  # munged wants its socket to be reachable for all
    for name in ("controller", "bin", *(f"node{node}" for node in range(nodes))):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    host = socket.gethostname().split(".")[0]
    controller_port, *node_ports = free_ports(1 + nodes)
    address = f"NodeHostname={host} NodeAddr=127.0.0.1"
    lines = "\n".join(f"NodeName=node{node} {address} Port={port}" for node, port in enumerate(node_ports))
    values = {"host": host, "folder": folder, "cpus": cpus, "memory": memory, "gpus": gpus, "nodes": lines}
    (folder / "slurm.conf").write_text(SLURM_CONF.format(**values, controller_port=controller_port))
    (folder / "gres.conf").write_text("".join(f"Name=gpu File={path}\n" for path in GPU_DEVICES[:gpus]))
    (folder / "cgroup.conf").touch()
    (folder / "bin/srun").write_text(SRUN.format(folder=folder, srun=shutil.which("srun")))
    (folder / "bin/srun").chmod(0o755)
    return os.environ | {"SLURM_CONF": f"{folder}/slurm.conf", "PATH": f"{folder}/bin:{search_path()}"}


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def running(arguments: list[str], environment: dict[str, str]) -> Iterator[None]:
    """Keep a daemon running."""
    log = Path(environment["SLURM_CONF"]).with_name(f"{arguments[0]}.out")
    with log.open("a") as out:
        # setpriv: the kernel ends the daemon where this process is killed
        call = ["setpriv", "--pdeathsig", "TERM", *arguments]
        daemon = subprocess.Popen(call, env=environment, stdout=out, stderr=out)
        try:
            yield
        finally:
            daemon.terminate()
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def wait_for(condition, what: str, folder: Path, seconds: float = 30) -> None:
    """Wait until a condition holds; otherwise raise what the daemons said."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            said = [
                path.read_text()[-1500:] for path in sorted((*folder.glob("*.log"), *folder.glob("*.out")))
            ]
            raise RuntimeError(f"{what} did not start:\n" + "\n".join(said))
        time.sleep(0.1)


def command(environment: dict[str, str], *arguments: str) -> str:
    """Return what a command of SLURM prints; nothing where it fails."""
    return subprocess.run(arguments, env=environment, capture_output=True, text=True).stdout.strip()


def end_all_jobs(environment: dict[str, str]) -> None:
    """Cancel every job and wait until its processes have ended."""
    jobs = command(environment, "squeue", "-h", "-o", "%A").split()
    if jobs:
        command(environment, "scancel", *jobs)
    deadline = time.monotonic() + 30
    while command(environment, "squeue", "-h") and time.monotonic() < deadline:
        time.sleep(0.2)
