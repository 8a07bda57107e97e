"""Damage to bytes, as bad disks, broken programs and people with bad intentions do it."""

import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np

Rng = np.random.Generator
_NASTY = (0, 1, 2, 7, 8, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
_HEADER = 160  # bytes at the start that are hit more often, since lengths and kinds stand there
_PNG = b"\x89PNG\r\n\x1a\n"


def mutant(seeds: Sequence[bytes], rng: Rng) -> bytes:
    """One of the seeds after one to four mutations."""
    content = seeds[rng.integers(len(seeds))]
    for _ in range(rng.integers(1, 5)):
        content = MUTATIONS[rng.integers(len(MUTATIONS))](content, seeds, rng)
    # With checksums mended, half of the mutated PNGs get past the first check.
    return with_checksums(content) if content.startswith(_PNG) and rng.random() < 0.5 else content


def _place(content: bytes, rng: Rng) -> int:
    """A place in the content, every other time in its head."""
    end = min(len(content), _HEADER) if rng.random() < 0.5 else len(content)
    return int(rng.integers(max(end, 1)))


def _flip(content: bytes, _: Sequence[bytes], rng: Rng) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.integers(1, 9) if changed else 0):
        changed[_place(content, rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _overwrite(content: bytes, _: Sequence[bytes], rng: Rng) -> bytes:
    start = _place(content, rng)
    junk = rng.bytes(int(rng.integers(1, 17)))
    return content[:start] + junk + content[start + len(junk) :]


def _number(content: bytes, _: Sequence[bytes], rng: Rng) -> bytes:
    """Edit a field: an extreme number of one of the usual layouts, or the number that is there and a bit."""
    layout = ("<B", "<H", ">H", "<I", ">I", "<Q", ">Q")[rng.integers(7)]
    start, size = _place(content, rng), struct.calcsize(layout)
    value = _NASTY[rng.integers(len(_NASTY))]
    if rng.random() < 0.3 and start + size <= len(content):
        value = struct.unpack_from(layout, content, start)[0] + int(rng.integers(-2, 3))
    return content[:start] + struct.pack(layout, value % 256**size) + content[start + size :]


def _truncate(content: bytes, _: Sequence[bytes], rng: Rng) -> bytes:
    return content[: rng.integers(len(content) + 1)]


def _cut(content: bytes, _: Sequence[bytes], rng: Rng) -> bytes:
    start = _place(content, rng)
    return content[:start] + content[start + int(rng.integers(1, 65)) :]


def _repeat(content: bytes, _: Sequence[bytes], rng: Rng) -> bytes:
    start = _place(content, rng)
    return (
        content[:start] + content[start : start + int(rng.integers(1, 65))] * int(rng.integers(2, 6)) + content[start:]
    )


def _splice(content: bytes, seeds: Sequence[bytes], rng: Rng) -> bytes:
    other = seeds[rng.integers(len(seeds))]
    return content[: _place(content, rng)] + other[_place(other, rng) :]


def _blank(content: bytes, _: Sequence[bytes], rng: Rng) -> bytes:
    """A block of zeros, as a file system leaves it after a crash."""
    start, size = _place(content, rng), int(rng.integers(1, 513))
    return content[:start] + bytes(len(content[start : start + size])) + content[start + size :]


MUTATIONS: list[Callable[[bytes, Sequence[bytes], Rng], bytes]]
MUTATIONS = [_flip, _overwrite, _number, _number, _truncate, _cut, _repeat, _splice, _blank]


def with_checksums(content: bytes) -> bytes:
    """A PNG with the right checksum in each chunk that can be told apart."""
    parts, place = [_PNG], len(_PNG)
    while place + 12 <= len(content):
        size = struct.unpack_from(">I", content, place)[0]
        if place + 12 + size > len(content):
            break
        body = content[place + 4 : place + 8 + size]
        parts.append(struct.pack(">I", size) + body + struct.pack(">I", zlib.crc32(body)))
        place += 12 + size
    return b"".join([*parts, content[place:]])
