"""What every job of the workflow has in common: its log, and errors that a person can read."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edsym.errors import EdsymError


@contextmanager
def job(log: str | Path) -> Iterator[None]:
    """Log to a file and to the terminal, and report errors: see `reported`."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=[logging.FileHandler(log, mode="w", encoding="utf-8"), _terminal()],
        force=True,
    )
    logging.captureWarnings(True)
    with reported():
        yield


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
    except Exception:
        logging.exception("unexpected error")
        raise


def _terminal() -> logging.Handler:
    """Return a handler for what a person must see; the rest is in the log."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.ERROR)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    return handler
