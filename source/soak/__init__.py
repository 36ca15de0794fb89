"""The connector for hours in a testbed that changes its faults all the time.

``make soak`` runs the real connector between simulated stations and a real
Mosquitto, plays a seeded timeline of faults, checks invariants all the way and
writes a report.
"""
