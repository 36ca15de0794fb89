"""The part of BEMCom's REST API that knows the datapoints.

Read from django-api 0.8: `GET datapoint/` lists the active datapoints of all
connectors; `PUT datapoint/` takes a list, finds each by connector name and
key, active or not, and changes all or none. A field that is missing stays as
it is, and the answer has the rows whole. Login is by Basic or by `Bearer` and
a token.

Each active row that is saved makes the API publish a whole datapoint map;
inactive ones are saved in silence.
"""

import base64
import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from connector.tools.problems import Problem, UsageProblem

T = TypeVar("T")

Row = dict[str, Any]
"""A datapoint as the API has it: connector, key, type and what describes it."""

TIMEOUT_S = 60.0
"""For a portion of rows; the API saves them one by one."""

INACTIVE_PORTION = 200
"""Rows in a request; a busy API saves some hundred a second."""

_ADVICE = {
    400: "The API has changed nothing.",
    401: "Give --token, or --user and its password.",
    403: "This user needs the permissions to view and to change datapoints "
    "(AdminUI, Users).",
    404: "Is this the address of BEMCom's API, as in https://bemcom.local?",
    500: "A short name may be taken by a datapoint that is not active: try "
    "--no-short-names. The API's log tells more.",
}

IDENTITY = ("connector", "key_in_connector", "type")
"""What a PUT must name; by the first two the API finds a datapoint."""


def portions(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut rows into portions of a size at most."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


class Refusal(Problem):
    """The API refuses a request."""

    errors: Sequence[Any] = ()
    """What is wrong with each row, empty for those that are fine; nothing
    where the API refuses for another reason."""


@dataclass(frozen=True, slots=True)
class Api:
    """BEMCom's API at an address; each method raises `Problem`.

    The authorization is the header of that name. If it is insecure, any
    certificate is believed.
    """

    url: str
    authorization: str = field(default="", repr=False)
    is_insecure: bool = False

    def datapoints(self) -> list[Row]:
        """Return all active datapoints, of all connectors."""
        return self._call("GET")

    def inactive_datapoints(self, rows: Sequence[Row]) -> list[Row]:
        """Return datapoints that `datapoints` does not list.

        The API shows them in its answer to a PUT only: one that names them
        and changes nothing. Those that it does not know are left out.
        """
        found: list[Row] = []
        for portion in portions(rows, INACTIVE_PORTION):
            names = [{name: row[name] for name in IDENTITY} for row in portion]
            try:
                found += self._call("PUT", names)
            except Refusal as refusal:
                if len(refusal.errors) != len(names):
                    raise
                errors = zip(names, refusal.errors, strict=True)
                if known := [name for name, error in errors if not error]:
                    found += self._call("PUT", known)
        return found

    def update(self, rows: Sequence[Row]) -> None:
        """Change the metadata of datapoints, all of them or none."""
        self._call("PUT", rows)

    def _call(
        self, method: str, rows: Sequence[Row] | None = None
    ) -> list[Row]:
        request = urllib.request.Request(  # noqa: S310 - see `api_at`
            f"{self.url.rstrip('/')}/datapoint/",
            method=method,
            data=None if rows is None else json.dumps(rows).encode(),
            headers={
                "Accept": "application/json",
                "Content-Type": "application/json",
            },
        )
        if self.authorization:
            request.add_header("Authorization", self.authorization)
        # Without one urllib keeps its own: reading all authorities takes long.
        context = None
        if self.is_insecure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        try:
            with urllib.request.urlopen(  # noqa: S310 - see `api_at`
                request, timeout=TIMEOUT_S, context=context
            ) as response:
                content = json.load(response)
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except OSError as error:
            raise _unreachable(self.url, error) from None
        except (ValueError, http.client.HTTPException):
            content = None
        if not isinstance(content, list):
            raise Problem(f"{self.url} is no BEMCom API", _ADVICE[404])
        return content


def api_at(
    url: str, *, token: str, user: str, password: str, is_insecure: bool
) -> Api:
    """Return the API at an address, with a login."""
    if not url.startswith(("http://", "https://")):
        raise UsageProblem(
            f"{url!r} is no URL; write for instance https://bemcom.local"
        )
    authorization = ""
    if token:
        authorization = f"Bearer {token}"
    elif user:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        authorization = f"Basic {pair}"
    return Api(url, authorization, is_insecure)


def _refusal(error: urllib.error.HTTPError) -> Refusal:
    try:
        with error:
            content = json.load(error)
    except ValueError:
        # Django's own pages, as of 404 and 500, say nothing to people.
        content = None
    errors = content if isinstance(content, list) else []
    if errors:
        # Without the `{}` of rows that are fine.
        content = [row for row in errors if row]
    said = json.dumps(content, ensure_ascii=False)[:300]
    refusal = Refusal(
        f"the API answers {error.code} {error.reason}"
        + (f": {said}" if content else ""),
        _ADVICE.get(error.code, ""),
    )
    refusal.errors = errors
    return refusal


def _unreachable(url: str, error: OSError) -> Problem:
    # An URLError has the true reason inside.
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Problem(
            f"{url}: its certificate is not valid: {reason.verify_message}",
            "Set SSL_CERT_FILE to the file of its authority, or give "
            "--insecure if you know who answers.",
        )
    text = getattr(reason, "strerror", None) or str(reason)
    return Problem(
        f"{url} cannot be reached: {text}",
        "See that the API runs and that the address is right.",
    )
