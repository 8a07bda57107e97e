"""A disk that is full, for results to be written to."""

import shutil
import subprocess
from pathlib import Path
from typing import Self


class Disk:
    """A disk of limited size in the place of a folder, with the same files."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size = folder, size

    def __enter__(self) -> Self:
        aside = self.folder.with_name("aside")
        self.folder.mkdir(exist_ok=True)
        self.folder.rename(aside)
        self.folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size}", "tmpfs", self.folder], check=True)
        shutil.copytree(aside, self.folder, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(aside)
        return self

    def grow(self) -> None:
        """Make space."""
        subprocess.run(["mount", "-o", "remount,size=1g", self.folder], check=True)

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "-l", self.folder], check=True)


def used(folder: Path) -> int:
    """Bytes that the files of a folder take on such a disk."""
    return sum(-(-file.lstat().st_size // 4096) * 4096 for file in folder.rglob("*") if file.is_file())
