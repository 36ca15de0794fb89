"""The control groups of a limited connector, in either version."""

from pathlib import Path

import pytest

from bench import limits
from bench.limits import Limits, NoLimitsError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    own = tmp_path / "own"
    own.write_text("3:cpu,cpuacct:/\n2:memory:/session\n0::/\n")
    monkeypatch.setattr(limits, "ROOT", tmp_path)
    monkeypatch.setattr(limits, "OWN_GROUPS", own)
    return tmp_path


def made(root: Path) -> dict[str, str]:
    """Return what was written, and remove it as the kernel does."""
    found = {}
    for file in root.glob("**/keba-bench-*/*"):
        found[f"{file.parent.parent.relative_to(root)}/{file.name}"] = (
            file.read_text()
        )
        file.unlink()
    return found


def test_version_1_has_a_group_for_each_controller(root: Path) -> None:
    (root / "cpu").mkdir()
    (root / "memory" / "session").mkdir(parents=True)
    with Limits() as groups:
        assert made(root) == {
            "cpu/cpu.cfs_period_us": "100000",
            "cpu/cpu.cfs_quota_us": "10000",
            "memory/session/memory.limit_in_bytes": "134217728",
        }
        entered = groups.command[2]
        assert entered.count("/cgroup.procs") == 2
    assert not [*root.glob("**/keba-bench-*")]


def test_version_2_has_one_group(root: Path) -> None:
    (root / "cgroup.controllers").touch()
    with Limits():
        assert made(root) == {
            "./cpu.max": "10000 100000",
            "./memory.max": "134217728",
        }
    assert not [*root.glob("keba-bench-*")]


def test_without_control_groups_it_is_told_and_nothing_is_left(
    root: Path,
) -> None:
    (root / "memory" / "session").mkdir(parents=True)
    with pytest.raises(NoLimitsError, match="They need root"), Limits():
        pass
    assert [*(root / "memory" / "session").iterdir()] == []
