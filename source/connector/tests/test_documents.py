"""Documents that can drift."""

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from connector.diagnosis.causes import Code
from connector.main import __version__
from connector.settings import Settings
from connector.tests.documents import README, ROOT, TROUBLESHOOTING, written
from pyconnector_template.settings import settings_of


@pytest.mark.parametrize("document", written(), ids=lambda path: path.name)
def test_what_is_made_from_code_is_up_to_date(document: Path) -> None:
    assert document.read_text("utf-8") == written()[document], "run `make docs`"


def test_every_setting_is_explained() -> None:
    assert [
        name
        for name, info in settings_of(Settings).items()
        if not info.description
    ] == []


@pytest.mark.parametrize("code", Code)
def test_every_cause_has_its_place_in_the_documents(code: Code) -> None:
    assert f"| `{code}` |" in TROUBLESHOOTING.read_text("utf-8")


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 150


def test_the_file_of_defaults_sets_nothing_that_is_no_setting() -> None:
    for_compose = {"USER_ID", "GROUP_ID", "PAGE_PUBLISH"}
    settings = {name.upper() for name in settings_of(Settings)}

    assert dotenv_values(ROOT / ".env").keys() - settings == for_compose


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\]",
        (ROOT / "CHANGELOG.md").read_text("utf-8"),
        re.MULTILINE,
    )

    assert versions[0] == __version__


def test_the_chart_compose_and_the_simulator_name_this_version() -> None:
    tags = re.findall(
        r'tag: "(.+)"', (ROOT / "docs/helm/values.yaml").read_text()
    )
    compose = (ROOT / "docker-compose.yml").read_text("utf-8")
    simulator = ROOT / "source" / "simulator"
    readme = (simulator / "README.md").read_text("utf-8")
    ours = re.findall(r"bemcom/keba-p30-connector\S*?:(\S+)", compose + readme)

    assert tags == [__version__] * 2
    assert {*ours} == {__version__}
    # It imports nothing of the connector, and has an image without it.
    own = (simulator / "__init__.py").read_text("utf-8")
    assert f'__version__ = "{__version__}"\n' in own


DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in _links(document):
            assert (document.parent / target).exists(), (document, target)


def _links(document: Path) -> list[str]:
    text = document.read_text("utf-8")
    targets = re.findall(r"\]\(([^)#]+)\)", text)
    return [target for target in targets if "://" not in target]


def test_the_modules_that_documents_name_are_there() -> None:
    modules = [f"/{path}" for path in (ROOT / "source").rglob("*.py")]
    for document in DOCUMENTS:
        for name in re.findall(r"`([\w./]+\.py)`", document.read_text("utf-8")):
            is_there = any(module.endswith(f"/{name}") for module in modules)
            assert is_there, (document, name)
