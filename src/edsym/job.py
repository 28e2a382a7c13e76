"""What every job of the workflow has in common: its log, its record, and errors that a person can read."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from edsym.errors import EdsymError
from edsym.provenance.record import record_path, write_record

_told_to_end: list[str] = []
"""The signal that this process was told to end by, once it was."""


@contextmanager
def job(snakemake, rank: int = 0) -> Iterator[dict]:
    """Log to the job's file and to the terminal, and record what the job did.

    A failed job leaves no record; its error is reported: see `reported`. So is a signal to end, of Ctrl-C or
    of a scheduler: what is written at that time is removed.

    Parameters
    ----------
    snakemake
        The object of that name in a script of the workflow.
    rank : int
        Number of this process, if the job has several: the first writes log and record for all.

    Yields
    ------
    dict
        Empty, for the facts of a child process that did the work: `edsym.provenance.record.process_facts`.
    """
    log = snakemake.log[0] if rank == 0 else os.devnull
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=[logging.FileHandler(log, mode="w", encoding="utf-8"), _terminal()],
        force=True,
    )
    logging.captureWarnings(True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    started = datetime.now(UTC)
    if rank == 0:
        record_path(snakemake).unlink(missing_ok=True)
    child: dict = {}
    with reported():
        yield child
        if rank == 0:
            write_record(snakemake, started, child)


@contextmanager
def reported() -> Iterator[None]:
    """End with the plain message of an `EdsymError`, or of the system: a full disk, a missing permission.

    Any other exception is a defect: it is logged with its traceback and raised.
    """
    try:
        yield
    except EdsymError as error:
        logging.error("%s", error)
        sys.exit(1)
    except OSError as error:
        logging.error("%s", error)
        logging.info("where it happened", exc_info=True)  # for the log only
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit):
        if not _told_to_end:
            raise
        logging.error("ended by %s; nothing is left half written", _told_to_end[0])
        sys.exit(1)
    except Exception:
        logging.exception("unexpected error")
        raise


def undisturbed() -> None:
    """Let no further signal to end disturb what cleans up after the first.

    The handler does nothing, where SIG_IGN would make Python complain of a signal that came just before.
    """
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: None)


def _end(number: int, _) -> None:
    undisturbed()
    _told_to_end.append(signal.Signals(number).name)
    raise KeyboardInterrupt


def _terminal() -> logging.Handler:
    """Return a handler for what a person must see; the rest is in the log."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.ERROR)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    return handler
