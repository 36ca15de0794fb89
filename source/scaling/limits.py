"""What breaks first, as a table."""

from dataclasses import replace

from scaling.campus import COSTS, Campus, load_of
from scaling.selections import MINIMAL
from scaling.sizing import share_lost
from scaling.tables import number, share, size, text_table


def limits(big: Campus) -> str:
    """Return the table for a campus, whose selection is too much for it."""
    load = load_of(big)
    minimal = replace(big, selection=MINIMAL)
    least = load_of(minimal)
    per_writer = COSTS.values_per_writer_s
    rows = (
        (
            "The API's writer",
            f"{number(per_writer)} values/s",
            f"{number(load.values_per_s)} values/s; {_lost(big)}",
            f"{number(least.values_per_s)} values/s; {_lost(minimal)}",
        ),
        (
            "The API's queue",
            (
                f"{number(COSTS.api_queue)} messages; newer ones, heartbeats "
                "and logs among them, are dropped"
            ),
            (
                f"{number(load.values_at_once)} at once: overflows in the "
                "first round, whatever the interval"
            ),
            number(least.values_at_once),
        ),
        (
            "Activating in the AdminUI",
            "each saved row brings the whole map anew",
            (
                f"{size(load.activation_bytes)} of maps for each connector, "
                f"the last of {size(load.map_bytes)}"
            ),
            (
                f"{size(least.activation_bytes)}, the last of "
                f"{size(least.map_bytes)}"
            ),
        ),
        (
            "Status messages",
            f"{number(per_writer)} values/s",
            f"{number(load.pushed_values_per_s)} values/s beside the polls",
            number(least.pushed_values_per_s),
        ),
        (
            "Logs and heartbeats",
            "the API's writer",
            (
                f"{number(load.logs_at_start)} at the start, then "
                f"{number(load.heartbeats_per_s)} a second"
            ),
            "the same",
        ),
        (
            "The database, with history",
            "disk",
            f"{_billions(load.rows_per_year)} rows a year",
            f"{_billions(least.rows_per_year)} rows a year",
        ),
        (
            "The API's MQTT thread",
            "one core",
            f"{share(load.reader_cpu)} at least",
            share(least.reader_cpu),
        ),
        (
            "Raw messages, if switched on",
            "the raw-message database",
            (
                f"{number(load.raw_messages_per_s)} a second, "
                f"{size(load.raw_bytes_per_s)}/s"
            ),
            "the same",
        ),
        (
            "A connector (500 stations)",
            "0.1 core and 128 MiB in BEMCom's Helm chart",
            (
                f"{share(load.connector_cpu)} of a core, "
                f"{size(load.connector_bytes)}"
            ),
            "the same at most",
        ),
        (
            "Mosquitto",
            "one core",
            (
                f"{share(load.broker_cpu)} of a core, "
                f"{size(load.retained_bytes)} memory, "
                f"{size(load.bytes_per_s)}/s"
            ),
            (
                f"{share(least.broker_cpu)}, {size(least.retained_bytes)}, "
                f"{size(least.bytes_per_s)}/s"
            ),
        ),
        (
            "The stations' network",
            "–",
            f"{number(load.datagrams_per_s)} datagrams/s",
            "the same",
        ),
    )
    head = ("in this order", "limit", "all, at 30 s", "minimal, at 30 s")
    return text_table(head, rows)


def _lost(campus: Campus) -> str:
    return f"one writer drops {share(share_lost(campus, 1))}"


def _billions(count: float) -> str:
    return f"{number(count / 1e9)} billion"
