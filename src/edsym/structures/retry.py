"""Repeating requests that a database did not answer, and telling apart those that it never will."""

import logging
import re
from collections.abc import Callable
from typing import TypeVar

import tenacity
from mp_api.client.core.exceptions import MPRestError
from requests.exceptions import RequestException

from edsym.errors import InputError, SourceError

Answer = TypeVar("Answer")
_LOG = logging.getLogger(__name__)
FIRST_WAIT = 1.0
"""Seconds before the first repetition; each further wait is twice as long."""
LONGEST_WAIT = 60.0
_REFUSED = (401, 403)
_PASSING = (408, 425, 429)  # besides 5xx; all other 4xx stay as they are however often one asks


def retried(request: Callable[[], Answer], retries: int, what: str, secret: str) -> Answer:
    """Return the answer of `request`, repeated with exponential back-off while the server fails.

    Dropped connections, truncated answers (which are no JSON), answers that lack what they must
    have, HTTP 429 and 5xx are repeated. The client repeats 429, 502 and 504 a few times by
    itself, waiting as long as the server says.

    Parameters
    ----------
    request : callable
        One request by mp-api.
    retries : int
        Repetitions after the first attempt.
    what : str
        What is asked of whom, for messages.
    secret : str
        The key, which no message may hold.

    Raises
    ------
    InputError
        If the server refuses the key or the request.
    SourceError
        If the last repetition fails as well.
    """
    repeat = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(retries + 1),
        wait=tenacity.wait_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT),
        retry=tenacity.retry_if_exception_type(SourceError),
        before_sleep=tenacity.before_sleep_log(_LOG, logging.WARNING),
        reraise=True,
    )
    try:
        return repeat(_answer, request, what, secret)
    except SourceError as error:
        raise SourceError(
            f"{error} (failed {retries + 1} times; what was fetched is kept, run again to go on from there)"
        ) from None


def _answer(request: Callable[[], Answer], what: str, secret: str) -> Answer:
    """Return the answer, or raise why there is none: SourceError where asking again may help."""
    try:
        return request()
    except (MPRestError, RequestException, ValueError, KeyError) as error:
        # On one line, without the key and without the queries of addresses.
        text = " ".join(str(error).replace(secret, "***").split())
        reason = f"{type(error).__name__}: " + re.sub(r"(https?://[^\s?]+)\?\S*", r"\1", text)[:300]
    found = re.search(r"error status code (\d{3})", reason)
    status = int(found[1]) if found else 0
    if status in _REFUSED:
        raise InputError(f"{what}: the key in MP_API_KEY is refused (HTTP {status})")
    unsupported = reason.startswith("MPRestError: The server does not support the request")  # HTTP 400
    if unsupported or (400 <= status < 500 and status not in _PASSING):
        raise InputError(f"{what}: the request is refused: {reason}")
    raise SourceError(f"{what}: {reason}")
