"""Random streams that depend on what is drawn, never on who draws it."""

import hashlib

import numpy as np


def stream(seed: int, stage: str, *items: str | int) -> np.random.Generator:
    """Random generator of one item of one stage.

    Parameters
    ----------
    seed : int
        Seed of the run, >= 0.
    stage : str
        Name of the stage that draws.
    *items : str or int
        What is drawn for, such as a set, a bin and an image number.

    Returns
    -------
    numpy.random.Generator
        The same stream for the same arguments on every machine, whatever the
        order or the number of workers.

    Examples
    --------
    >>> float(stream(0, "synthesize", "bins", 3, 17).random()) == float(
    ...     stream(0, "synthesize", "bins", 3, 17).random()
    ... )
    True
    """
    key = repr((int(seed), stage, *items)).encode()
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(key).digest()[:16])))
