"""What helps to test how images are decoded."""

import struct
import zlib

import numpy as np
import pytest

from degcraft.errors import DegcraftError
from degcraft.images import decode


def noise(*shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def refusal(path):
    with pytest.raises(DegcraftError) as caught:
        decode(path)
    found, _, todo = str(caught.value).rpartition("; ")
    assert found.startswith(f"{path}: ")
    assert todo
    return str(caught.value).removeprefix(f"{path}: ")
