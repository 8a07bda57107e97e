"""Counts, durations and sizes as people say them."""

import math


def counted(count: int, noun: str) -> str:
    """A number and its noun.

    Examples
    --------
    >>> counted(1, "crop"), counted(3, "image")
    ('1 crop', '3 images')
    """
    return f"{count} {noun}" + ("" if count == 1 else "s")


def spoken(seconds: float) -> str:
    """A duration that was measured.

    Examples
    --------
    >>> spoken(0.42), spoken(75), spoken(7322)
    ('0.4 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def duration(seconds: float) -> str:
    """A duration that is only expected: two digits at most.

    Examples
    --------
    >>> [duration(s) for s in (3, 47, 130, 4500, 9e4, 4e6)]
    ['10 seconds', '50 seconds', '3 minutes', '1.2 hours', '25 hours', '47 days']
    """
    if seconds < 55:
        return f"{max(10, math.ceil(seconds / 10) * 10)} seconds"
    if seconds < 3300:
        return f"{math.ceil(seconds / 60)} minute{'s' if seconds > 60 else ''}"
    if seconds < 2 * 86400:
        hours = seconds / 3600
        return f"{hours:.1f} hours" if hours < 10 else f"{math.ceil(hours)} hours"
    return f"{math.ceil(seconds / 86400)} days"


def size(count: float) -> str:
    """Bytes.

    Examples
    --------
    >>> [size(count) for count in (2e5, 32e6, 4.2e9, 3e12)]
    ['1 MB', '32 MB', '4.2 GB', '3.0 TB']
    """
    for unit, power in (("TB", 1e12), ("GB", 1e9)):
        if count >= power:
            return f"{count / power:.1f} {unit}"
    return f"{max(1, round(count / 1e6))} MB"
