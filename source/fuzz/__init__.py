"""A million mutated captures and MQTT messages: `make fuzz`."""
