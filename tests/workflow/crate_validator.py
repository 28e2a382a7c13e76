"""The official validator of RO-Crates, without a network."""

import io
import json

import requests
import urllib3
from requests_cache import CachedSession
from rocrate.vocabs import RO_CRATE
from rocrate_validator import services
from rocrate_validator.models import Severity, ValidationSettings

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
# The package rocrate ships the context of RO-Crate 1.3; in that of 1.1 this term has another address.
TERMS = RO_CRATE["@context"] | {"ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow"}


def problems(crate, cache):
    """Return what of the required the Provenance Run Crate in a folder lacks.

    The one address that the validator asks for, the context, is answered from `cache`, a file to be made.
    """
    _fill(cache)
    settings = ValidationSettings(
        rocrate_uri=str(crate),
        profile_identifier="provenance-run-crate",
        requirement_severity=Severity.REQUIRED,
        offline=True,
        cache_path=cache,
        cache_max_age=-1,
    )
    result = services.validate(settings)
    assert len(result.executed_checks) > 50
    return [f"{issue.check.identifier}: {issue.message}" for issue in result.get_issues()]


def _fill(cache):
    body = json.dumps({"@context": TERMS}).encode()
    raw = urllib3.HTTPResponse(io.BytesIO(body), status=200, preload_content=False, request_url=CONTEXT)
    response = requests.Response()
    response.status_code, response.url, response.raw, response._content = 200, CONTEXT, raw, body
    response.request = requests.Request("GET", CONTEXT).prepare()
    response.headers["Content-Type"] = "application/ld+json"
    with CachedSession(cache_name=str(cache), backend="sqlite") as session:
        session.cache.save_response(response)
