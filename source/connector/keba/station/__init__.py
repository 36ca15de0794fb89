"""One station, without any I/O: what to send when, what answers mean."""
