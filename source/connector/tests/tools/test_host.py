"""What a tool sees of the host that it runs on."""

from dataclasses import dataclass
from pathlib import Path

import ifaddr
import pytest

from connector.tools import host

# The flow of a container that is gone, and that of a program on the host, whose
# port was taken by the former. Both as Linux 6.1 writes them.
FLOWS = """\
ipv4     2 udp      17 102 src=172.18.0.2 dst=192.168.0.99 sport=7090 \
dport=7090 src=192.168.0.99 dst=192.168.0.5 sport=7090 dport=7090 [ASSURED] \
mark=0 zone=0 use=2
ipv4     2 udp      17 27 src=192.168.0.5 dst=192.168.0.99 sport=7090 \
dport=7090 [UNREPLIED] src=192.168.0.99 dst=192.168.0.5 sport=7090 \
dport=1024 mark=0 zone=0 use=2
ipv4     2 tcp      6 431999 ESTABLISHED src=192.168.0.5 dst=192.168.0.99 \
sport=40000 dport=80 src=192.168.0.99 dst=192.168.0.5 sport=80 dport=40000 \
[ASSURED] mark=0 zone=0 use=2
"""


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "nf_conntrack"
    file.write_text(FLOWS)
    monkeypatch.setattr(host, "CONNTRACK", file)
    return file


def test_a_rewritten_source_port_is_found(flows: Path) -> None:
    assert host.rewritten_ports(7090) == [
        "requests to 192.168.0.99 leave from port 1024 instead of 7090"
    ]


def test_a_kernel_that_does_not_tell_is_no_clue(
    flows: Path,
) -> None:
    flows.unlink()
    assert host.rewritten_ports(7090) == []


@dataclass(frozen=True)
class Adapter:
    nice_name: str
    ips: list[ifaddr.IP]


def adapter(name: str, *addresses: tuple[str, int]) -> Adapter:
    return Adapter(name, [ifaddr.IP(ip, bits, name) for ip, bits in addresses])


def test_the_networks_of_a_host_are_those_that_know_broadcasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapters = [
        adapter("lo", ("127.0.0.1", 8)),
        adapter("eth0", ("192.168.0.5", 24), ("10.1.2.3", 16)),
        adapter("wg0", ("10.9.0.1", 32)),
        adapter("ppp0", ("10.9.1.1", 31)),
    ]
    six = ifaddr.IP(("fe80::1", 0, 2), 64, "eth0")
    adapters[1].ips.append(six)
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    found = host.own_networks()
    assert [*map(str, found)] == ["192.168.0.5/24", "10.1.2.3/16"]
