"""The connectors that are measured: ours, another version's, the published.

Nothing of the published connector is in this repository: it runs from a
checkout of BEMCom, with the packages it was made for in an environment of its
own.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
import venv
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from simulator.wire import KEBA_PORT
from testbed import connector_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = Path(__file__).resolve().parents[2]
MAIN = Path("source", "connector", "main.py")

PUBLISHED_MAIN = Path(
    "services/connectors/keba-p30-connector/source/connector/main.py"
)
PUBLISHED_TEMPLATE = Path("service_templates/connectors/Python/source")
PUBLISHED_NEEDS = ("paho-mqtt==1.5.*", "python-dotenv==0.15.*")
"""What its template names as dependencies, apart from pytest."""

OTHER_PORT = KEBA_PORT + 1


class NoVersionError(Exception):
    """What was named holds no connector, or one that cannot run."""


class Program(NamedTuple):
    """How a connector is started.

    `station_port` is where it expects stations to listen; they answer to
    KEBA's port in any case.
    """

    main: Path
    python: Path = Path(sys.executable)
    settings: Mapping[str, str] = MappingProxyType({})
    station_port: int = KEBA_PORT


OURS = Program(connector_process.MAIN)


@contextmanager
def other_version(commit_or_folder: str) -> Iterator[Program]:
    """Give the connector of a commit or of another checkout.

    Raises
    ------
    NoVersionError
        If it is neither, or has no connector.
    """
    main = Path(commit_or_folder).resolve() / MAIN
    if main.exists():
        yield Program(main)
        return
    with TemporaryDirectory() as folder:
        # Git tells what is wrong with a name.
        archive = _output_of(
            *("git", "-C", REPOSITORY, "archive", commit_or_folder, "source"),
            trouble=f"{commit_or_folder!r} is neither a folder with {MAIN} nor "
            "a commit",
        )
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        yield Program(Path(folder) / MAIN)


def published(checkout: Path, environment: Path) -> Program:
    """Give the published connector of a checkout of BEMCom.

    Parameters
    ----------
    environment
        Where its packages are installed; a second call finds them there, and
        needs no network.

    Raises
    ------
    NoVersionError
        If it is not there, or if its packages cannot be installed.
    """
    main = checkout.resolve() / PUBLISHED_MAIN
    template = checkout.resolve() / PUBLISHED_TEMPLATE
    for needed in (main, template / "pyconnector_template"):
        if not needed.exists():
            raise NoVersionError(
                f"--published: {needed} is not there. The folder must be a "
                "checkout of BEMCom; CONTRIBUTING.md says which and how."
            )
    python = environment.resolve() / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
    pip = (python, "-m", "pip", "--disable-pip-version-check")
    _output_of(
        *pip,
        *("install", "--quiet", *PUBLISHED_NEEDS),
        trouble=f"--published: {' and '.join(PUBLISHED_NEEDS)} cannot be "
        f"installed in {environment}",
    )
    return Program(
        main,
        python,
        {
            "PYTHONPATH": str(template),
            # It binds port 7090 of all addresses, so that stations on the
            # same machine need another one. This setting of its own says so.
            "TARGET_PORT": str(OTHER_PORT),
            # Else an `.env` in the checkout might decide.
            "DEBUG": "FALSE",
            "SEND_RAW_MESSAGE_TO_DB": "FALSE",
        },
        OTHER_PORT,
    )


def version_of(program: Program) -> str:
    """Return the version that a program's text names."""
    text = program.main.read_text("utf-8")
    found = re.search(r"""^__version__ *= *["'](.+)["']""", text, re.MULTILINE)
    return found[1] if found else "without a number"


def origin_of(checkout: Path) -> str:
    """Tell where the published connector came from, as far as git knows."""
    describe = ("git", "-C", checkout, "describe", "--always", "--dirty")
    try:
        told = _output_of(*describe, trouble="")
    except NoVersionError:
        return "a folder whose commit git does not know, perhaps a changed copy"
    return f"BEMCom's commit {told.decode().strip()}"


def _output_of(*command: str | Path, trouble: str) -> bytes:
    """Run a command; say what it is trouble for if it fails, and why."""
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell
    if done.returncode != 0:
        raise NoVersionError(f"{trouble}: {done.stderr.decode().strip()}")
    return done.stdout
