"""The command `keba`: one module for each of its subcommands.

Each is a view on the connector's own engine, on what it tells through MQTT
(`broker_client`, `connector_view`), or on files.
"""
