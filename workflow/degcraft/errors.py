"""The one exception users are meant to read."""


class DegcraftError(Exception):
    """Wrong input: the message says what was found, what is needed, and what to type."""
