"""How fast the connector is, measured: ``make bench``."""
