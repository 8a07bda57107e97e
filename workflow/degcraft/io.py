"""Files in and out: packed images, arrays, tables.

Outputs appear by rename, so none is ever half; what a stage wrote is checked when it is read (`degcraft.records`).
"""

import hashlib
import json
import os
import shlex
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from textwrap import shorten
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from degcraft import records
from degcraft.errors import DegcraftError

if TYPE_CHECKING:
    import pandas as pd

Path_ = str | os.PathLike[str]


@contextmanager
def whole_file(path: Path_, *, recorded: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it becomes `path`, on failure nothing is left.

    A stage's file gets a record, unless `recorded` is False: its content then has a checksum of its own.

    Raises
    ------
    DegcraftError
        The disk is full or the folder cannot be written.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        with records.kept(path, temporary) if recorded else nullcontext():
            temporary.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path_) -> Iterator[Path]:
    """As `whole_file`, for a folder: it appears at `path` complete, or not at all."""
    path = Path(path)
    temporary = path.parent / f".{path.name}-{os.getpid()}"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        records.keep_folder(temporary)
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def unwritable(path: Path_, error: OSError) -> DegcraftError:
    """Error for an output that could not be written."""
    return DegcraftError(
        f"{path}: could not be written ({error.strerror or error}); free space or fix the folder's "
        "permissions, then run the same command again: finished files are kept"
    )


def damaged(path: Path_, reason: object) -> DegcraftError:
    """Error for a file that should be whole but is not, or is not there."""
    result = records.result_of(Path(path))
    if isinstance(reason, FileNotFoundError) and not result.exists():
        return DegcraftError(f"{path}: no such file; check the path; results are made by: snakemake --cores 1 NAME")
    found, name = shorten(str(reason), 300, placeholder=" ..."), shlex.quote(str(result))
    return DegcraftError(f"{path}: missing, truncated or damaged ({found}); type: rm -r {name}, then run again")


def write_arrays(path: Path_, meta: dict[str, Any], **arrays: NDArray[Any]) -> None:
    """Write named arrays and their provenance as an uncompressed .npz."""
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, meta=np.array(json.dumps(meta, sort_keys=True)), **arrays)


def read_arrays(path: Path_, *names: str) -> list[NDArray[Any]]:
    """Read named arrays of an .npz written by `write_arrays`.

    Raises
    ------
    DegcraftError
        The file is missing, truncated or lacks a name.
    """
    try:
        records.used(path)
        with np.load(path, allow_pickle=False) as file:
            return [file[name] for name in names]
    except (OSError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise damaged(path, error) from error


def write_table(path: Path_, table: "pd.DataFrame") -> None:
    """Write a table as CSV; numbers keep all their digits, missing ones read NA."""
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False, na_rep="NA", lineterminator="\n")


def read_table(path: Path_, *columns: str, text: Sequence[str] = ()) -> "pd.DataFrame":
    """Read a CSV and make sure that it has rows and `columns`; columns named in `text` stay strings, even "NA".

    Raises
    ------
    DegcraftError
        The file is missing, empty, cut within a line, malformed or lacks a column.
    """
    import pandas as pd

    try:
        records.used(path)
        content = Path(path).read_bytes()
        if not content.endswith(b"\n"):
            raise ValueError("empty" if not content else "its last line has no end")
        columns_there = pd.read_csv(BytesIO(content), nrows=0).columns
        missing_as = {name: [] if name in text else ["", "NA"] for name in columns_there}
        kinds = dict.fromkeys(text, str)
        table = pd.read_csv(BytesIO(content), dtype=kinds, keep_default_na=False, na_values=missing_as)
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    missing = [name for name in columns if name not in table.columns]
    if missing or table.empty:
        raise damaged(path, f"no column {', '.join(missing)}" if missing else "no rows")
    return table


def read_png(folder: Path_, name: str) -> NDArray[np.uint8]:
    """Pixels of ``<folder>/<name>.png``, which this workflow wrote.

    Raises
    ------
    DegcraftError
        The file is missing or truncated.
    """
    try:
        records.used(Path(folder) / f"{name}.png")
        with Image.open(Path(folder) / f"{name}.png") as file:
            return np.array(file)
    except (OSError, SyntaxError, ValueError) as error:  # Pillow reports a broken chunk as a SyntaxError
        raise damaged(folder, f"{name}.png: {error}") from error


def write_json(path: Path_, content: dict[str, Any]) -> None:
    """Write JSON with sorted keys."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: Path_) -> dict[str, Any]:
    """Read what `write_json` wrote.

    Raises
    ------
    DegcraftError
        The file is missing, truncated or damaged.
    """
    try:
        records.used(path)
        content: dict[str, Any] = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    return content


class ImagePack(Sequence[NDArray[np.uint8]]):
    """Images of one prepared set, decoded once and memory-mapped: a crop costs no decoding.

    Parameters
    ----------
    folder : path
        Holds ``pixels.npy`` (uint8, all images one after the other) and
        ``index.csv`` (name, offset, height, width, source, sha256).

    Attributes
    ----------
    names : list of str
        Unique, safe as file names.
    contents : list of str
        Hash of each image's pixels.
    pixels : ndarray of shape (bytes,), uint8
        All images, one after the other; a memory map.
    """

    def __init__(self, folder: Path_) -> None:
        index = read_table(
            Path(folder) / "index.csv", "offset", "height", "width", "name", "sha256", text=["name", "sha256"]
        )
        self.names: list[str] = index["name"].tolist()
        self.contents: list[str] = index["sha256"].tolist()
        place = index[["offset", "height", "width"]].to_numpy()
        ends = place[:, 0] + place[:, 1] * place[:, 2] * 3
        if place.dtype != np.int64 or place[0, 0] != 0 or np.any(ends[:-1] != place[1:, 0]):
            raise damaged(folder, "gaps in index.csv")
        try:
            records.used(Path(folder) / "pixels.npy")
            pixels = np.load(Path(folder) / "pixels.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise damaged(Path(folder) / "pixels.npy", error) from error
        if pixels.dtype != np.uint8 or pixels.shape != (ends[-1],):
            raise damaged(folder, f"{pixels.size} bytes of pixels, {ends[-1]} indexed")
        self._places: list[tuple[int, int, int]] = list(map(tuple, place.tolist()))
        self.pixels: NDArray[np.uint8] = pixels.view(np.ndarray)  # slices of a memmap proper are slower

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, item: Any) -> Any:
        """Image `item`, shape (height, width, 3), uint8, RGB; a view, read-only."""
        offset, height, width = self._places[item]
        return self.pixels[offset : offset + height * width * 3].reshape(height, width, 3)

    def shape(self, item: int) -> tuple[int, int]:
        """Height and width of image `item`, without touching its pixels."""
        return self._places[item][1:]

    def place(self, item: int) -> tuple[int, int, int]:
        """Offset of image `item` in `pixels`, its height and width."""
        return self._places[item]


def write_pack(
    folder: Path_, images: Iterable[NDArray[np.uint8]], names: Sequence[str], sources: Sequence[str]
) -> None:
    """Write the pack that `ImagePack` reads, one image in memory at a time.

    Parameters
    ----------
    folder : path
        Where ``pixels.npy`` and ``index.csv`` appear, complete or not at all.
    images : iterable of ndarray of shape (height, width, 3), uint8
        RGB images.
    names : sequence of str
        One per image: unique, safe as file names.
    sources : sequence of str
        One per image: where it is from.
    """
    import pandas as pd

    places: list[tuple[int, int, int]] = []
    contents: list[str] = []
    end = 0
    # Plain writes, no memory map: on a full disk a write fails, a map kills the process.
    with whole_file(Path(folder) / "pixels.npy") as temporary, temporary.open("wb") as file:
        _write_header(file, 0)
        for image in images:
            pixels = np.ascontiguousarray(image, dtype=np.uint8).data
            file.write(pixels)
            contents.append(hashlib.sha256(pixels).hexdigest()[:16])
            places.append((end, image.shape[0], image.shape[1]))
            end += image.size
        file.seek(0)
        _write_header(file, end)
    index = pd.DataFrame(places, columns=["offset", "height", "width"])
    index.insert(0, "name", names)
    index["source"] = list(sources)
    index["sha256"] = contents
    write_table(Path(folder) / "index.csv", index)


def _write_header(file: IO[bytes], size: int) -> None:
    """Header of a .npy of `size` bytes; NumPy makes it equally long for every size of a first axis."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (size,)}
    np.lib.format.write_array_header_1_0(file, header)
