"""The template's public names, where connectors expect them."""

from .actuator_flow import ActuatorFlow
from .connector import Connector
from .json_text import timestamp_utc_now
from .logs import LOGFORMAT, MQTTHandler
from .sensor_flow import SensorFlow

__all__ = [
    "LOGFORMAT",
    "ActuatorFlow",
    "Connector",
    "MQTTHandler",
    "SensorFlow",
    "timestamp_utc_now",
]
