"""What is found about the host that the connector runs on.

What is wrong with the broker and with BEMCom the template finds; the table of
causes has the words for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from connector.diagnosis.causes import Code
from connector.diagnosis.findings import Finding


@dataclass(slots=True)
class SurroundingFacts:
    """What is known beside the stations.

    Parameters
    ----------
    port_taken_by
        The program that has the UDP port, as far as that can be known; None
        while the port is ours.
    foreign_requests
        What other clients were heard to ask for, by their address.
    """

    port_taken_by: str | None = None
    foreign_requests: dict[str, str] = field(default_factory=dict)


def surrounding_findings(facts: SurroundingFacts) -> Iterator[Finding]:
    """Yield what is found, the root cause first."""
    if facts.port_taken_by is not None:
        yield Finding("udp", Code.PORT_TAKEN, facts.port_taken_by)
    if facts.foreign_requests:
        requests = [
            f"{address} asks for {request!r}"
            for address, request in facts.foreign_requests.items()
        ]
        yield Finding("udp", Code.SECOND_CLIENT, "; ".join(requests))
