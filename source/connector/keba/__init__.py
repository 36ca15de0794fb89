"""All that knows KEBA's UDP interface; knows neither BEMCom nor MQTT.

`protocol` turns bytes into meaning and back, `station` holds the conversation
with one station, `fleet` has all stations, `io` the only socket and clock.
"""
