"""What holds for every test: its network, its Mosquitto, and how long it looks.

A test that opens a connection or starts a process says so with the mark `io`;
`make check` leaves those out. The mark is held against what a test does.
"""

import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest

from testbed import own_network
from testbed.mosquitto import MosquittoMissingError

IO_EVENTS = frozenset({"socket.bind", "socket.connect", "subprocess.Popen"})
"""Audit events of the interpreter that only tests with the mark may cause."""

WORKERS = 6
END_TO_END = Path(__file__).with_name("end_to_end")

# A quick look each time, a long one in CI and on demand, see CONTRIBUTING.md.
# A busy machine is no fault, so that no example has a deadline.
hypothesis.settings.register_profile("quick", max_examples=20, deadline=None)
hypothesis.settings.register_profile(
    "thorough", max_examples=1000, deadline=None
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


class _IoGuard:
    """Refuses connections and processes while a test without the mark runs."""

    def __init__(self) -> None:
        self.is_closed = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, _arguments: tuple[object, ...]) -> None:
        if self.is_closed and event in IO_EVENTS:
            raise RuntimeError(f"{event} in a test without the mark `io`")


_guard = _IoGuard()


def pytest_configure() -> None:
    """Give each worker of pytest-xdist a loopback interface of its own.

    Stations listen at port 7090 of fixed addresses, so two tests at once need
    two networks.
    """
    if "PYTEST_XDIST_WORKER" in os.environ and own_network.can_be_made():
        own_network.enter_with_this_thread()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of whole processes; each of them opens connections."""
    for item in items:
        if END_TO_END in item.path.parents:
            item.add_marker(pytest.mark.io)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item,
) -> Generator[None, object, object]:
    """Hold the mark `io` against what the test does."""
    _guard.is_closed = item.get_closest_marker("io") is None
    try:
        return (yield)
    finally:
        _guard.is_closed = False


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Generator[None, object, object]:
    """Skip what needs Mosquitto where there is none."""
    with _mosquitto_or_skip():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Skip what needs Mosquitto where there is none."""
    with _mosquitto_or_skip():
        return (yield)


@contextmanager
def _mosquitto_or_skip() -> Iterator[None]:
    """Turn a missing Mosquitto into a skip; in CI it stays an error."""
    try:
        yield
    except MosquittoMissingError as error:
        if os.environ.get("REQUIRE_MOSQUITTO"):
            raise
        pytest.skip(str(error))


def pytest_xdist_auto_num_workers() -> int:
    """Return how many tests run side by side; most of them wait."""
    return WORKERS if own_network.can_be_made() else 0
