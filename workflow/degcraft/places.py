"""Files and folders as they are typed, as the few entries by which a config names them."""

import os
from collections import defaultdict
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from degcraft.errors import DegcraftError

FEW = 10  # files that an entry names one by one


def named(typed: Sequence[str], option: str) -> tuple[list[str | dict[str, str]], list[str]]:
    """Entries for what was typed after an option, a shell's expanded pattern of thousands of files included.

    Files of one folder and one suffix become a pattern where it leads to them and to no others. Folders, patterns and
    CSV lists stay as they are. All paths become absolute; links stay, since a link may be there to spare a space.

    Parameters
    ----------
    typed : sequence of str
        Files, folders, patterns in quotes, CSV lists.
    option : str
        After which they were typed, for messages.

    Returns
    -------
    entries : list of str or dict
        As `degcraft.inputs.listed_files` takes them.
    rest : list of str
        Files that are too many for an entry each, and that no pattern describes: they need a list.

    Raises
    ------
    DegcraftError
        A path leads nowhere.
    """
    paths = [Path(os.path.normpath(Path(path).expanduser().absolute())) for path in typed]
    entries: dict[str, str | dict[str, str]] = {}
    groups: dict[tuple[Path, str], set[str]] = defaultdict(set)
    for path in paths:
        if path.is_file() and path.suffix.lower() != ".csv":
            groups[path.parent, path.suffix].add(path.name)
        elif path.is_file():
            entries[str(path)] = {"list": path.as_posix()}
        elif path.is_dir() or ("*" in path.name and path.parent.is_dir()):
            entries[str(path)] = path.as_posix()
        else:
            raise DegcraftError(f"{option} {path}: no such file or folder; check the path, and quote spaces in it")
    single: list[str] = []
    for (folder, suffix), names in groups.items():
        pattern = f"*{suffix}"
        if len(names) > 1 and _visible(folder, pattern) == names:
            entries[str(folder / pattern)] = (folder / pattern).as_posix()
        else:
            single += [(folder / name).as_posix() for name in sorted(names)]
    few = len(single) <= FEW
    return [*entries.values(), *(single if few else [])], [] if few else single


def _visible(folder: Path, pattern: str) -> set[str]:
    names = (entry.name for entry in os.scandir(folder) if entry.is_file())
    return {name for name in names if not name.startswith(".") and fnmatchcase(name, pattern)}
