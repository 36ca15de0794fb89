"""Numbers, however firmware writes them."""


def whole_number(value: object) -> int | None:
    """Read a whole number, also one that is written as text."""
    if value is None or type(value) is int:
        # Nearly all are one of these; a truth value is no number.
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isascii() and text.isdecimal() else None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None
