"""What is found about the host, the broker and BEMCom."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches

from connector.diagnosis.causes import Code
from connector.diagnosis.findings import Finding

MAP_PATIENCE_S = 30.0
"""A broker that has a datapoint map sends it at once; BEMCom's API makes one
within seconds."""

SIMILAR = 0.8
"""A typing error away, not merely another connector (`difflib`'s ratio)."""


@dataclass(slots=True)
class SurroundingFacts:
    """What is known beside the stations.

    Parameters
    ----------
    name
        CONNECTOR_NAME.
    port_taken_by
        The program that has the UDP port, as far as that can be known; None
        while the port is ours.
    foreign_requests
        What other clients were heard to ask for, by their address.
    login_error, tls_error
        What the broker, or the encryption, says; empty while all is well.
    refused_topics
        Topics that the broker refuses to be subscribed to.
    has_namesake
        Whether another connector is online under this name.
    waits_for_map_s
        How long the broker has been connected without a datapoint map; None
        when there is one.
    names_with_map
        Names for which a datapoint map lies on the broker.
    is_map_empty
        Whether the map has come and selects nothing.
    """

    name: str = ""
    port_taken_by: str | None = None
    foreign_requests: dict[str, str] = field(default_factory=dict)
    login_error: str = ""
    tls_error: str = ""
    refused_topics: Collection[str] = ()
    has_namesake: bool = False
    waits_for_map_s: float | None = None
    names_with_map: Collection[str] = field(default_factory=tuple)
    is_map_empty: bool = False


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
    if facts.login_error:
        yield Finding("broker", Code.BROKER_LOGIN, facts.login_error)
    if facts.tls_error:
        yield Finding("broker", Code.BROKER_TLS, facts.tls_error)
    if facts.refused_topics:
        topics = ", ".join(sorted(facts.refused_topics))
        yield Finding("broker", Code.SUBSCRIPTION_REFUSED, topics)
    if facts.has_namesake:
        evidence = f"The name is {facts.name}"
        yield Finding("broker", Code.NAME_USED_TWICE, evidence)
    yield from _map_findings(facts)


def _map_findings(facts: SurroundingFacts) -> Iterator[Finding]:
    if facts.is_map_empty:
        yield Finding("bemcom", Code.NOTHING_ACTIVE)
        return
    if facts.waits_for_map_s is None or facts.refused_topics:
        # A refused subscription is the cause then.
        return
    if facts.waits_for_map_s < MAP_PATIENCE_S:
        return
    similar = get_close_matches(
        facts.name, facts.names_with_map, n=1, cutoff=SIMILAR
    )
    if similar and similar[0] != facts.name:
        evidence = f"Here it is {facts.name}, there it is {similar[0]}"
        yield Finding("bemcom", Code.WRONG_NAME, evidence)
    else:
        yield Finding("bemcom", Code.NO_MAP, f"The name is {facts.name}")
