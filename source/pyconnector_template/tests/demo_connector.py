"""A connector as people have written them for the upstream template."""

import json
import os
import sys
import time
from typing import Any

from pyconnector_template import pyconnector_template as template
from pyconnector_template.dispatch import DispatchInInterval

DEVICE: dict[str, dict[str, Any]] = {
    "heater": {"temperature": 21.5, "setpoint": 20, "mode": "auto"}
}


class SensorFlow(template.SensorFlow):
    def receive_raw_msg(self, raw_data: Any = None) -> dict[str, Any]:
        if os.getenv("DEMO_FAULT") == "receive":
            raise RuntimeError("the device is on fire")
        if os.getenv("DEMO_FAULT") == "block":
            time.sleep(60)
        return {"payload": {"raw_message": json.dumps(DEVICE)}}

    def parse_raw_msg(self, raw_msg: dict[str, Any]) -> dict[str, Any]:
        msg = raw_msg
        raw_message = msg["payload"].pop("raw_message")
        msg["payload"]["parsed_message"] = json.loads(raw_message)
        return msg


class ActuatorFlow(template.ActuatorFlow):
    def send_command(
        self,
        datapoint_key: str,
        datapoint_value: Any,
        datapoint_timestamp: int | None,
    ) -> None:
        device, name = datapoint_key.split("__")
        DEVICE[device][name] = datapoint_value


class Connector(template.Connector, SensorFlow, ActuatorFlow):
    pass


def make_connector(**kwargs: Any) -> Connector:
    arguments: dict[str, Any] = {
        "version": "0.1.0",
        "available_datapoints": {
            "sensor": {},
            "actuator": {"heater__setpoint": 20},
        },
        "DeviceDispatcher": DispatchInInterval,
        "device_dispatcher_kwargs": {"call_interval": 0.05},
    }
    return Connector(**{**arguments, **kwargs})


if __name__ == "__main__":
    make_connector().run()
    sys.stderr.write("run has returned\n")
