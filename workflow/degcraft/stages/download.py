"""One published weight file, fetched once and checked against its SHA-256."""

import argparse
import http.client
import shutil
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from degcraft.errors import DegcraftError
from degcraft.io import whole_file
from degcraft.published import CHECKSUMS, Published, read_checksums, sha256
from degcraft.stages import enter, say


def run(file: Path, checksums: Path) -> None:
    """Make sure that `file` is there and is the published one."""
    known = read_checksums(checksums)
    if file.name not in known:
        raise DegcraftError(
            f"{file}: not in {checksums}, which has {', '.join(known)}; correct the name in config.yaml"
        )
    published = known[file.name]
    if file.is_file():
        check(file, published)
        say(f"{file}: in place, nothing to do")
    else:
        fetch(address(published), file, published)
        say(f"{file}: fetched and checked")


def check(file: Path, published: Published) -> None:
    """Refuse a file that lies in place but is another one; it is kept."""
    if (found := sha256(file)) != published.sha256:
        raise DegcraftError(
            f"{file}: SHA-256 is {found}; {published.sha256} is needed ({published.source}); the file is kept; "
            f"to fetch it anew type: rm {file}"
        )


def address(published: Published) -> str:
    """Where torchvision says that its weights are."""
    from torchvision.models import get_weight

    url = str(get_weight(published.source).url)
    if url.rsplit("/", 1)[-1] != published.file:
        raise DegcraftError(
            f"{published.file}: this torchvision publishes {url.rsplit('/', 1)[-1]} as {published.source}; "
            "the versions of requirements.lock are needed; type: make setup"
        )
    return url


def fetch(url: str, file: Path, published: Published) -> None:
    """Download to a temporary file, check, then move into place."""
    with whole_file(file) as temporary:
        try:
            with urllib.request.urlopen(url, timeout=60) as answer, temporary.open("wb") as copy:
                shutil.copyfileobj(answer, copy, 1 << 20)
        except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
            raise DegcraftError(
                f"{file}: could not be fetched ({error}); on a machine with network fetch {published.file}, that is "
                f"torchvision's {published.source} (SHA-256 {published.sha256}), and put it at {file}; then run again"
            ) from error
        if (found := sha256(temporary)) != published.sha256:
            raise DegcraftError(
                f"{file}: what was fetched has SHA-256 {found}; {published.sha256} is needed; nothing was kept; "
                f"run again, or put the right {published.file} there by hand"
            )


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, required=True, help="resources/weights/<name>")
    parser.add_argument("--checksums", type=Path, default=CHECKSUMS, help="default: resources/checksums.tsv")
    given = parser.parse_args(argv)
    run(given.file, given.checksums)


if __name__ == "__main__":
    enter(main)
