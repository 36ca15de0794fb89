"""Serves the status page to browsers."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from connector.tools.problems import Problem

PATIENCE_S = 10


class PageServer(http.server.ThreadingHTTPServer):
    """One page, for as many browsers as come; replaced as a whole."""

    daemon_threads = True
    page = ""


@contextmanager
def serving(page: str, address: str, port: int) -> Iterator[PageServer]:
    """Serve a page, in a thread of its own."""
    try:
        server = PageServer((address, port), _Handler)
    except OSError as error:
        raise Problem(
            f"cannot serve at {address}:{port}: {error.strerror}"
        ) from None
    server.page = page
    thread = threading.Thread(target=server.serve_forever, name="status-page")
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: PageServer
    timeout = PATIENCE_S

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        body = self.server.page.encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: visits are no news."""
