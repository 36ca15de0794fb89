"""What stands where BEMCom's API should be."""

import socket
import threading

import pytest

from connector.tools.bemcom_api import Api
from connector.tools.problems import Problem


@pytest.mark.io
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"\x15\x03\x01\r\n",
    ],
    ids=["a website", "another API", "no HTTP"],
)
def test_what_is_no_api_of_bemcom_is_told(answer: bytes) -> None:
    def serve() -> None:
        tcp, _ = server.accept()
        with tcp:
            tcp.recv(1000)
            tcp.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, name="not the API")
        thread.start()
        api = Api(f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(Problem, match="is no BEMCom API"):
            api.datapoints()
        thread.join()
