"""The time as BEMCom's messages carry it."""

import time


def timestamp_utc_now() -> int:
    """Milliseconds since 1970 in UTC."""
    return round(time.time() * 1000)
