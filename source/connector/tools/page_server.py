"""Serves the status page to browsers."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from connector.tools.problems import Problem

CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser shall load beside the page: nothing."""

PATIENCE_S = 10


class PageServer:
    """One page, for as many browsers as come; replaced as a whole.

    Its `url` is empty while it is not served.
    """

    def __init__(self, page: str) -> None:
        self.page = page
        self.url = ""

    @contextmanager
    def listening(self, address: str, port: int) -> Iterator[None]:
        """Serve, in a thread of its own.

        Raises
        ------
        Problem
            If the port cannot be had.
        """
        handler = _handler_for(self)
        try:
            server = http.server.ThreadingHTTPServer((address, port), handler)
        except OSError as error:
            raise Problem(
                f"cannot serve at {address}:{port}: {error.strerror}"
            ) from None
        server.daemon_threads = True
        self.url = f"http://{address}:{server.server_port}/"
        thread = threading.Thread(
            target=server.serve_forever, name="status-page"
        )
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _handler_for(
    owner: PageServer,
) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = PATIENCE_S

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/":
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            body = owner.page.encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", CONTENT_POLICY)
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: visits are no news."""

    return Handler
