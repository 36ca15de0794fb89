"""A link for each cause of the table."""

import errno
from collections.abc import Mapping

from connector.diagnosis.causes import Code
from connector.keba.station.events import Elsewhere, LinkFacts, Unreachable

LINKS: Mapping[Code, LinkFacts] = {
    Code.OK: LinkFacts(),
    Code.NAME_UNRESOLVED: LinkFacts(is_resolved=False),
    Code.SEND_ERROR: LinkFacts(is_silent=True, send_error=errno.EPERM),
    Code.ANSWERS_ELSEWHERE: LinkFacts(
        is_silent=True, elsewhere=Elsewhere("192.168.0.77", 7090, "12345678")
    ),
    Code.NOTHING_LISTENS: LinkFacts(
        is_silent=True,
        unreachable=Unreachable(is_refused=True, told_by="192.168.0.99"),
    ),
    Code.NO_REPLY: LinkFacts(is_silent=True),
    Code.WRONG_SERIAL: LinkFacts(serial="2", expected_serial="1"),
    Code.UNSUPPORTED_MODEL: LinkFacts(product="KC-P40-16EU0-00000000"),
    Code.DIP_SWITCH_OFF: LinkFacts(is_deaf=True, is_udp_switch_on=False),
    Code.NEEDS_POWER_CYCLE: LinkFacts(is_deaf=True, is_udp_switch_on=True),
}
