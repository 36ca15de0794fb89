"""Sockets, threads, names and the clock; nothing else here has them."""
