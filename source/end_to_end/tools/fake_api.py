"""A double of BEMCom's REST API, as far as it knows datapoints.

Written from the source of django-api 0.8: what it lists, how it finds the
datapoints of a PUT, that it changes all or none and leaves missing fields as
they are, when it publishes a datapoint map, and how it refuses.
"""

import base64
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


class FakeApi(http.server.HTTPServer):
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
        super().__init__(("127.0.0.1", 0), _Handler)
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
            **EMPTY,
            **fields,
        }
        self.rows.append(row)
        return row

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

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
                row["key_in_connector"] == wanted["key_in_connector"]
                and row["connector"] == wanted["connector"]
            ):
                return row
        return None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=self.serve_forever,
            # How long the end takes; each test has an API of its own.
            kwargs={"poll_interval": 0.02},
            name="fake-api",
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "is_active"}


def _accepted() -> tuple[str, ...]:
    pair = base64.b64encode(":".join(LOGIN).encode()).decode()
    return f"Basic {pair}", f"Bearer {TOKEN}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: FakeApi

    def do_GET(self) -> None:
        if self._may_enter():
            self._answer(200, self.server.listed())

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._may_enter():
            self._answer(*self.server.update(json.loads(body)))

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
