"""What can be seen of the host, or the container, that a tool runs on."""

import contextlib
import ipaddress
import re
import socket
import sys
from pathlib import Path

import ifaddr

CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
"""Files that Docker and Podman put into their containers."""

CONNTRACK = Path("/proc/net/nf_conntrack")
"""Flows that the kernel remembers; only root may read it."""

_ADDRESSES = re.compile(r"\b(src|dst|sport|dport)=(\S+)")


def is_container() -> bool:
    """Tell whether this runs in a container."""
    return any(Path(mark).exists() for mark in CONTAINER_MARKS)


def own_networks() -> list[ipaddress.IPv4Interface]:
    """Return this host's addresses in IPv4 networks that know broadcasts.

    Loopback and a line of two ends do not.
    """
    found = [
        ipaddress.IPv4Interface(f"{one.ip}/{one.network_prefix}")
        for adapter in ifaddr.get_adapters()
        for one in adapter.ips
        if one.is_IPv4
    ]
    return [
        one
        for one in found
        if not one.is_loopback and one.network.num_addresses > 2
    ]


def rewritten_ports(port: int) -> list[str]:
    """Tell to whom requests leave this host from another port than KEBA's.

    Connection tracking does that while it remembers the flow of an older
    container to the same station: two flows need two ports.
    """
    try:
        lines = CONNTRACK.read_text("ascii", "replace").splitlines()
    except OSError:
        return []
    clues = []
    for line in lines:
        fields = _ADDRESSES.findall(line)
        # Each flow twice: as it was sent, and as its answers come.
        if "udp" not in line.split() or len(fields) != 8:
            continue
        sent, answered = dict(fields[:4]), dict(fields[4:])
        source = answered["dport"]
        if sent["sport"] == sent["dport"] == str(port) != source:
            clues.append(
                f"requests to {sent['dst']} leave from port {source} instead "
                f"of {port}"
            )
    return clues


def holder_of_port(bind_address: str, port: int) -> str | None:
    """Name the process that keeps us from binding, by number and command line.

    None where that cannot be seen, as from inside a container.
    """
    try:
        rows = Path("/proc/net/udp").read_text("ascii").splitlines()[1:]
    except OSError:
        return None
    # See proc(5): the address as a number of this machine, then the port.
    own = int.from_bytes(socket.inet_aton(bind_address), sys.byteorder)
    inodes = {
        f"socket:[{fields[9]}]"
        for fields in map(str.split, rows)
        if fields[1].endswith(f":{port:04X}")
        and (own == 0 or int(fields[1].partition(":")[0], 16) in (0, own))
    }
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()) not in inodes:
                continue
            process = descriptor.parents[1]
            words = (process / "cmdline").read_bytes().split(b"\0")
            line = b" ".join(words).decode("utf-8", "replace").strip()
            return f"process {process.name}: {line}"
    return None
