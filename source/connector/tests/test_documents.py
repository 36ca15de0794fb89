"""Documents that can drift."""

import re
from pathlib import Path

from connector.bemcom.datapoints import all_datapoints, markdown
from connector.main import __version__
from connector.settings import Settings
from connector.tests.device_table import README, with_table

ROOT = README.parent


def settings_table() -> dict[str, str]:
    """Return variable and default of each row of the README's table."""
    section = README.read_text("utf-8").split("### Environment Variables")[1]
    rows = re.findall(r"^\| ([A-Z][^|]*) \| ([^|]*) \|", section, re.MULTILINE)
    return {
        variable.strip(): default
        for variables, default in rows
        for variable in variables.split(",")
        if variable.strip().isupper()
    }


def test_docs_datapoints_is_what_the_tables_say() -> None:
    written = (ROOT / "docs" / "datapoints.md").read_text("utf-8")

    assert written == markdown(all_datapoints()), "run `make docs`"


def test_the_readme_names_every_setting_and_no_other() -> None:
    assert settings_table().keys() == {
        name.upper() for name in Settings.model_fields
    }


def test_the_readme_tells_the_defaults() -> None:
    for variable, default in settings_table().items():
        field = Settings.model_fields[variable.lower()]
        if field.is_required() or field.default is None:
            assert default == "–", variable
        else:
            assert default == _in_words(field.default), variable


def _in_words(default: object) -> str:
    if isinstance(default, bool):
        return str(default).upper()
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_the_readme_lists_the_devices_that_were_recorded() -> None:
    readme = README.read_text("utf-8")

    assert readme == with_table(readme), (
        "run `python -m connector.tests.device_table` in `source`"
    )


def test_the_changelog_ends_with_this_version() -> None:
    rows = re.findall(
        r"^\| (\d+\.\d+\.\d+) \|", README.read_text("utf-8"), re.MULTILINE
    )

    assert rows[-1] == __version__


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for document in documents:
        for target in _links(document):
            assert (document.parent / target).exists(), (document, target)


def _links(document: Path) -> list[str]:
    text = document.read_text("utf-8")
    targets = re.findall(r"\]\(([^)#]+)\)", text)
    return [target for target in targets if "://" not in target]
