"""The connection to the MQTT broker, and what waits to be published."""
