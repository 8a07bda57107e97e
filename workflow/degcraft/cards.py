"""Graphics cards of one machine: every process takes the one with the fewest others, by a lock that dies with it."""

import fcntl
import itertools
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_DEVICES = Path(os.sep, "dev")
_held: list[IO[bytes]] = []  # locks last as long as their files are open


def take() -> str | None:
    """Take a card; call it before PyTorch looks for one, which is when CUDA_VISIBLE_DEVICES is read.

    Nobody waits: where all cards are taken, two processes share one. How many jobs start at a time is up to the
    engine (``gpu`` in profiles/default); a scheduler that hands out cards by CUDA_VISIBLE_DEVICES is obeyed.

    Returns
    -------
    str or None
        What CUDA_VISIBLE_DEVICES says from now on; None where there is no card. A process of torchrun still sees all
        cards and works on the one of its LOCAL_RANK, which is marked as taken.
    """
    cards = visible()
    if not cards or _held:
        return os.environ.get("CUDA_VISIBLE_DEVICES")
    rank = os.environ.get("LOCAL_RANK")
    candidates = cards if rank is None else [cards[int(rank) % len(cards)]]
    card = next(card for place, card in _places(candidates) if _lock(place))
    if rank is None:
        os.environ["CUDA_VISIBLE_DEVICES"] = card
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def visible() -> list[str]:
    """Cards that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        # CUDA counts from 0 whatever the files are called: a container may hold nvidia2 alone.
        present = sum(bool(re.fullmatch(r"nvidia\d+", device.name)) for device in _DEVICES.glob("nvidia*"))
        return [str(number) for number in range(present)]
    # As CUDA reads it: what follows an invalid entry does not count.
    return list(itertools.takewhile(lambda name: name not in ("", "-1"), map(str.strip, allowed.split(","))))


def _places(cards: list[str]) -> Iterator[tuple[Path, str]]:
    """First places of all cards, then second places, and so on without end."""
    folder = Path(tempfile.gettempdir()) / f"degcraft-cards-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in itertools.count():
        for card in cards:
            yield folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', card)}-{number}", card


def _lock(place: Path) -> bool:
    # POSIX locks are not inherited by loader processes, which may outlive a killed training by seconds.
    file = place.open("ab")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return False
    _held.append(file)
    return True
