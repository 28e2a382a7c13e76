"""A material whose simulation crashes the process is listed like any other that fails."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from edsym.errors import EdsymError
from edsym.job import reported, undisturbed
from edsym.provenance.record import process_facts
from edsym.simulation.run.journal import Checkpoint, open_journal
from edsym.simulation.run.results import FailedMaterial
from edsym.simulation.run.shard import materials_of_shard, simulate_shard
from edsym.simulation.settings import SimulationSettings

logger = logging.getLogger(__name__)

_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT)
_TERMINATED = 128 + signal.SIGTERM
# So many materials one after the other: it is the machine or the library, not the materials.
_TOO_MANY = 3


def simulate_shard_in_child(
    materials_path: str | Path,
    output_path: str | Path,
    shard: int,
    settings: SimulationSettings,
    checkpoint: Checkpoint,
    material_ids: set[str] | None = None,
) -> dict:
    """Simulate a shard in a child process; list the material at which that crashes, and go on after it.

    Parameters
    ----------
    materials_path, output_path, shard, settings, checkpoint, material_ids
        See `simulate_shard`.

    Returns
    -------
    dict
        What the child says of itself: see `edsym.provenance.record.process_facts`.

    Raises
    ------
    EdsymError
        If the child is killed, or crashes at one material after the other.
    SystemExit
        If the child ends with an error, which it has told.
    """
    job = (materials_path, output_path, shard, settings, material_ids, checkpoint)
    in_a_row, last = 0, None
    receiver, sender = multiprocessing.Pipe(duplex=False)
    while status := _run(sender, *job):
        if status > 0:
            sys.exit(status)
        name = signal.Signals(-status).name
        if -status not in _CRASHES:
            raise EdsymError(f"the simulation was ended by {name}; if by the system, then for its memory")
        place = _list_crash(job, f"the simulation crashed ({name})")
        in_a_row = in_a_row + 1 if last is not None and place == last + 1 else 1
        last = place
        if in_a_row == _TOO_MANY:
            raise EdsymError(f"the simulation crashed ({name}) at {_TOO_MANY} materials one after the other")
    return receiver.recv()


def _run(*job) -> int:
    """Run `simulate_shard` in a child; return its exit status, negative if a signal ended it."""
    child = multiprocessing.get_context("fork").Process(target=_simulate, args=job)
    child.start()
    try:
        child.join()
    except KeyboardInterrupt:  # the parent is told to end
        child.terminate()
        child.join()
        raise
    return -signal.SIGTERM if child.exitcode == _TERMINATED else child.exitcode


def _simulate(sender: Connection, *job) -> None:
    # An interrupt ends the parent, and with the parent this process: it must not go on alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with reported():
        simulate_shard(*job)
        sender.send(process_facts())


def _end(*_) -> None:
    """Have the stack cleaned up, and leave the word to the parent, which may send the signal once more."""
    undisturbed()
    sys.exit(_TERMINATED)


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGTERM)


def _list_crash(job: tuple, reason: str) -> int:
    """Add the first material that is not done to the journal as failed; return its place in the shard."""
    materials_path, output_path, shard, settings, material_ids, checkpoint = job
    materials = materials_of_shard(materials_path, shard, settings.shards, material_ids)
    with open_journal(checkpoint, Path(output_path).parent, keep=True) as journal:
        place = len(journal)
        if place == len(materials):
            raise EdsymError(f"{reason} while {output_path} was written")
        name = materials[place].material_id
        logger.error("%s: %s", name, reason)
        journal.append(FailedMaterial(name, reason))
    return place
