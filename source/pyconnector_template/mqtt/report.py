"""What the link says about the broker: in the log once, and as findings."""

import logging
import time
from collections.abc import Collection, Sequence

from pyconnector_template.findings import Cause, Findings
from pyconnector_template.logs import TokenBucket, logger_about
from pyconnector_template.settings import TemplateSettings

from .greeting import Trouble

logger = logger_about("broker")

SHOWN_TOPICS = 3

OUTAGES_TOLD = 20
"""So many at once, then one a minute: a broker may break each connection."""


class BrokerReport:
    """Reports what is wrong with the broker of the settings."""

    def __init__(self, settings: TemplateSettings, findings: Findings) -> None:
        self._broker = (
            f"{settings.mqtt_broker_host}:{settings.mqtt_broker_port}"
        )
        self._findings = findings
        self._reader = (
            "a client without login"
            if settings.mqtt_username is None
            else f"the user {settings.mqtt_username!r}"
        )
        self._outages = TokenBucket(OUTAGES_TOLD, per_second=1 / 60)
        self._is_outage_told = True
        self._was_connected = False
        self._reported_troubles: set[str] = set()
        self._has_reported_others = False

    def connected(self, kept: int, dropped: int) -> None:
        """Log a CONNACK, and what became of the messages of an outage."""
        self._reported_troubles.clear()
        self._findings.clear(Cause.BROKER_LOGIN, Cause.BROKER_TLS)
        is_told = self._is_outage_told or dropped
        logger.log(
            logging.INFO if is_told else logging.DEBUG,
            "%s to the MQTT broker %s.%s",
            "Connected again" if self._was_connected else "Connected",
            self._broker,
            f" {kept} messages were kept and are sent now, "
            f"{dropped} were dropped."
            if kept or dropped
            else "",
        )
        self._was_connected = True

    def cannot_connect(self, trouble: Trouble) -> None:
        """Log why there is no connection, once until there is one."""
        if trouble.cause is not None:
            self._findings.note(trouble.cause, trouble.text)
        is_known = trouble.text in self._reported_troubles
        self._reported_troubles.add(trouble.text)
        logger.log(
            logging.DEBUG if is_known else logging.WARNING,
            "Cannot connect to the MQTT broker %s: %s. Trying again.",
            self._broker,
            trouble.text,
        )

    def lost(self, trouble: Trouble) -> None:
        self._is_outage_told = self._outages.take(time.monotonic())
        logger.log(
            logging.WARNING if self._is_outage_told else logging.DEBUG,
            "Lost the MQTT broker %s (%s). Values are kept until it is back.",
            self._broker,
            trouble.text,
        )

    def subscriptions(self, evidence: str) -> None:
        """Note what the broker does not deliver; nothing if all is well."""
        self._findings.keep(
            Cause.SUBSCRIPTION_REFUSED, evidence, is_true=bool(evidence)
        )

    def refused(self, topics: Sequence[str]) -> None:
        logger.warning(
            "The MQTT broker refuses the subscription of %s. Allow %s to read "
            "this in the broker's access list. The connector tries again with "
            "each heartbeat.",
            in_words(topics),
            self._reader,
        )

    def not_delivered(self, topic: str) -> None:
        """Warn that what we publish there ourselves does not come back."""
        logger.warning(
            "The MQTT broker accepts the subscription of %s, but delivers "
            "nothing: its access list does not let %s read it, or not write "
            "it. If it cannot read, neither datapoint map nor commands arrive.",
            topic,
            self._reader,
        )

    def others(self, versions: Collection[str]) -> None:
        """Note who else uses our name; nothing if nobody does."""
        named = ", ".join(versions)
        self._findings.keep(
            Cause.NAME_USED_TWICE,
            f"its version: {named}",
            is_true=bool(versions),
        )
        if not versions or self._has_reported_others:
            # It may come and go for days.
            return
        self._has_reported_others = True
        logger.warning(
            "Another connector (version %s) uses the same name at this broker; "
            "both overwrite what the other one publishes. End one of them, or "
            "give it a CONNECTOR_NAME of its own.",
            named,
        )


def in_words(topics: Sequence[str]) -> str:
    """Name a few topics and how many there are beside them."""
    shown = ", ".join(topics[:SHOWN_TOPICS])
    more = len(topics) - SHOWN_TOPICS
    return shown if more <= 0 else f"{shown} and {more} more"
