"""All that knows KEBA's UDP interface; knows neither BEMCom nor MQTT.

Read in this order: `units`, `fields`, `messages` (what stations say),
`commands` (what may be said to them), `pacing` (when), `session` (the
conversation with one station), `fleet` (all stations), `gateway` (the only
thread, socket and clock).
"""
