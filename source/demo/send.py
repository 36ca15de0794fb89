"""Write one actuator datapoint, as a controller would.

python source/demo/send.py garage__curr 10000
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Sequence

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

TIMEOUT_S = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Look the datapoint's topic up in the map and publish the value."""
    options = _parser().parse_args(arguments)
    client = Client(CallbackAPIVersion.VERSION2)
    try:
        client.connect(options.host, options.port)
    except OSError as error:
        print(f"No broker at {options.host}:{options.port}: {error}")
        return 1
    client.loop_start()
    try:
        return _write(client, options)
    finally:
        client.disconnect()
        client.loop_stop()


def _write(client: Client, options: argparse.Namespace) -> int:
    actuators = _read_actuators(client, f"{options.connector}/datapoint_map")
    topic = {key: topic for topic, key in actuators.items()}.get(options.key)
    if topic is None:
        known = ", ".join(sorted(actuators.values())) or "none"
        print(f"There is no actuator {options.key}; there are: {known}")
        return 1
    message = {
        "value": _as_json(options.value),
        "timestamp": round(time.time() * 1000),
    }
    client.publish(topic, json.dumps(message), 1).wait_for_publish(TIMEOUT_S)
    print(f"{topic} {json.dumps(message)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write one actuator datapoint, as a controller would."
    )
    parser.add_argument("key", help="for instance garage__curr")
    parser.add_argument("value", help="JSON, or else a text")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default=18830, type=int)
    parser.add_argument("--connector", default="keba-p30-connector")
    return parser


def _read_actuators(client: Client, topic: str) -> dict[str, str]:
    """Return topic and key of each actuator, from the retained map."""
    has_come = threading.Event()
    found: dict[str, str] = {}

    def take(_client: Client, _data: object, message: MQTTMessage) -> None:
        # The demo's broker sends retained messages of other topics as well.
        if message.topic == topic:
            found.update(json.loads(message.payload)["actuator"])
            has_come.set()

    client.on_message = take
    client.subscribe(topic, 1)
    has_come.wait(TIMEOUT_S)
    return found


def _as_json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    sys.exit(main())
