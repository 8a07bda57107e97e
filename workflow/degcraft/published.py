"""Pretrained weight files that degcraft knows: names, sources and checksums."""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from degcraft.errors import DegcraftError

CHECKSUMS = Path(__file__).parents[2] / "resources" / "checksums.tsv"
FOLDER = "resources/weights"


@dataclass(frozen=True)
class Published:
    """One line of the table of weight files.

    Attributes
    ----------
    file : str
        File name.
    source : str
        Name of torchvision's weights, such as ``AlexNet_Weights.IMAGENET1K_V1``.
    sha256 : str
        What the file must hash to.
    used_by : tuple of str
        Config entries, as ``extractors.<kind>`` and ``lpips.<net>``.
    """

    file: str
    source: str
    sha256: str
    used_by: tuple[str, ...]


def read_checksums(table: Path = CHECKSUMS) -> dict[str, Published]:
    """Read the table of weight files, by file name.

    Raises
    ------
    DegcraftError
        The table is missing or lacks a column.
    """
    try:
        lines = [line for line in table.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        return {
            line["file"]: Published(line["file"], line["source"], line["sha256"], tuple(line["used_by"].split(",")))
            for line in csv.DictReader(lines, delimiter="\t")
        }
    except (OSError, KeyError, AttributeError) as error:
        raise DegcraftError(
            f"{table}: missing or without a column ({error}); file, source, sha256 and used_by are needed; "
            f"type: git checkout {table}"
        ) from error


def weights_file(options: dict[str, Any]) -> str | None:
    """Path of the weight file that an extractor (or LPIPS) needs.

    Parameters
    ----------
    options : dict
        One entry of the config's ``extractors`` (``kind``, ``weights``) or ``evaluate.lpips`` (``net``, ``weights``).

    Returns
    -------
    str or None
        ``resources/weights/<published name>`` for torchvision, the path as
        given for a file, None for random, trained, none, or a kind without weights.

    Raises
    ------
    DegcraftError
        torchvision publishes no weights for this kind.

    Examples
    --------
    >>> weights_file({"kind": "vgg", "layer": [2, 2], "weights": "torchvision"})
    'resources/weights/vgg19-dcbb9e9d.pth'
    >>> weights_file({"kind": "alexnet", "weights": "random", "seed": 0}), weights_file({"kind": "dct"})
    (None, None)
    """
    weights = options.get("weights", "none")
    if weights in ("none", "random", "trained"):
        return None
    if weights != "torchvision":
        return str(weights)
    user = f"extractors.{options['kind']}" if "kind" in options else f"lpips.{options['net']}"
    for published in read_checksums().values():
        if user in published.used_by:
            return f"{FOLDER}/{published.file}"
    raise DegcraftError(
        f"{user}: weights: torchvision, but torchvision publishes none for it; write the path of a weights file, "
        "or random"
    )


def pinned(file: Path) -> str | None:
    """SHA-256 that a file of this name must have; None if the name is not a published one."""
    published = read_checksums().get(file.name)
    return published.sha256 if published else None


def sha256(file: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
