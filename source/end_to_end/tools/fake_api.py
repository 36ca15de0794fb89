"""A double of BEMCom's REST API, as far as it knows datapoints.

Written from the source of django-api 0.8: what it lists, how it finds the
datapoints of a PUT, that it changes all or none and leaves missing fields as
they are, when it publishes a datapoint map, which values it lets pass to an
actuator, and how it refuses.
"""

import base64
import copy
import http.server
import json
import threading
from typing import Any, Self

TOKEN = "0123456789abcdef"
LOGIN = ("admin", "a long secret")
FORMATS = {
    "unknown",
    "bool",
    "generic_numeric",
    "continuous_numeric",
    "discrete_numeric",
    "generic_text",
    "discrete_text",
}
EMPTY: dict[str, Any] = {
    "data_format": "unknown",
    "short_name": None,
    "description": "",
    "min_value": None,
    "max_value": None,
    "allowed_values": None,
    "unit": "",
}


class FakeApi:
    """An API with some datapoints, on a port of 127.0.0.1.

    Attributes
    ----------
    rows : list
        All datapoints; those without `is_active` are not listed.
    puts : list
        What was sent to it.
    maps : int
        How many datapoint maps it would have published.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.puts: list[list[dict[str, Any]]] = []
        self.maps = 0

    def add(
        self, connector: str, key: str, kind: str = "sensor", **fields: Any
    ) -> dict[str, Any]:
        """Add an active datapoint about which nobody has written anything."""
        row = {
            "id": len(self.rows) + 1,
            "connector": {"name": connector},
            "key_in_connector": key,
            "type": kind,
            "is_active": True,
            **copy.deepcopy(EMPTY),
            **fields,
        }
        self.rows.append(row)
        return row

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def listed(self) -> list[dict[str, Any]]:
        """What GET shows."""
        return [_shown(row) for row in self.rows if row["is_active"]]

    def mark_as_active(self) -> None:
        """What the list action of the AdminUI does to all of them."""
        for row in self.rows:
            row["is_active"] = True
        self.maps += 1

    def update(self, body: Any) -> tuple[int, Any]:
        """What PUT does; returns status and answer."""
        self.puts.append(body)
        errors = [self._errors_of(row) for row in body]
        if any(errors):
            return 400, errors
        for row in body:
            found = self._find(row)
            found.update(row)
            self.maps += found["is_active"]
        names = [row["short_name"] for row in self.rows if row["short_name"]]
        if len(names) != len(set(names)):
            # The database's own constraint: Django answers with a page.
            return 500, None
        return 200, [_shown(self._find(row)) for row in body]

    def write(self, key: str, text: str) -> int:
        """What POST of a value to an actuator returns as status.

        Parameters
        ----------
        text
            The value as JSON, as the API wants it.
        """
        [row] = [one for one in self.rows if one["key_in_connector"] == key]
        return 201 if _lets_pass(row, json.loads(text)) else 400

    def _errors_of(self, row: dict[str, Any]) -> dict[str, Any]:
        if self._find(row) is None:
            return {"datapoint": "No datapoint found matching query"}
        if row.get("data_format", "unknown") not in FORMATS:
            return {"data_format": ["is not a valid choice."]}
        if len(row.get("short_name") or "") > 30:
            return {"short_name": ["has no more than 30 characters."]}
        return {}

    def _find(self, wanted: dict[str, Any]) -> Any:
        for row in self.rows:
            if (
                row["connector"] == wanted["connector"]
                and row["key_in_connector"] == wanted["key_in_connector"]
            ):
                return row
        return None

    def __enter__(self) -> Self:
        self._server = http.server.HTTPServer(
            ("127.0.0.1", 0), _handler_for(self)
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            # How long the end takes; each test has an API of its own.
            kwargs={"poll_interval": 0.02},
            name="fake-api",
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "is_active"}


def _lets_pass(row: dict[str, Any], value: Any) -> bool:
    """The validator of values, check by check in its order."""
    kind = row["data_format"]
    numbers: tuple[type, ...] = (float, int, type(None))
    if "_numeric" in kind and type(value) not in numbers:
        return False
    if "continuous_numeric" in kind and value is not None:
        if row["min_value"] is not None and value < row["min_value"]:
            return False
        if row["max_value"] is not None and value > row["max_value"]:
            return False
    if "_text" in kind and type(value) not in (str, type(None)):
        return False
    if "bool" in kind and type(value) is not bool:
        return False
    return "discrete_" not in kind or value in (row["allowed_values"] or [])


def _accepted() -> tuple[str, ...]:
    pair = base64.b64encode(":".join(LOGIN).encode()).decode()
    return f"Basic {pair}", f"Bearer {TOKEN}"


def _handler_for(api: FakeApi) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self._may_enter():
                self._answer(200, api.listed())

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self._may_enter():
                self._answer(*api.update(json.loads(body)))

        def _may_enter(self) -> bool:
            if self.path != "/datapoint/":
                self._answer(404, None)
            elif self.headers.get("Authorization") not in _accepted():
                self._answer(401, {"detail": "Invalid token."})
            else:
                return True
            return False

        def _answer(self, status: int, content: Any) -> None:
            self.send_response(status)
            kind = "text/html" if content is None else "application/json"
            self.send_header("Content-Type", kind)
            self.end_headers()
            text = "<h1>Oops</h1>" if content is None else json.dumps(content)
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    return Handler
