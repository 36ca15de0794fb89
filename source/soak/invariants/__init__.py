"""What must hold all the way, each a small machine without any I/O.

They are fed with what was seen and with the time, and note each breach with
its moment and its evidence. All moments are seconds of the monotonic clock.
"""
