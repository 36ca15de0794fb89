"""What must hold all the way, each a small machine without any I/O.

Each sees the events that concern it, and notes a breach with its moment and its
evidence. All moments are seconds of the monotonic clock.
"""
