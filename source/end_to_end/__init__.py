"""Tests with everything real: process, sockets, broker, stations."""
