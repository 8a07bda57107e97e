"""One published weight file, fetched once and checked against its SHA-256."""

import argparse
import http
import http.client
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from degcraft.errors import DegcraftError
from degcraft.io import unwritable
from degcraft.published import CHECKSUMS, Published, read_checksums, sha256
from degcraft.stages import enter, say

_WAITS = (1, 5, 20)  # seconds before further attempts
_TIMEOUT = 60  # seconds without a byte
_LARGEST = 2_000_000_000  # bytes; the largest file of the table has .6 GB
_NETWORK = (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException)
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers that a later one may differ from


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


def fetch(url: str, file: Path, published: Published, plain: Collection[str] = ()) -> None:
    """Download beside `file`, check, then move into place; a download that was cut goes on where it stopped.

    Parameters
    ----------
    url : str
        By https.
    file : path
        Where it appears, whole or not at all. What was fetched of it waits in ``.<name>.part`` for the next attempt.
    published : Published
        What it must be.
    plain : collection of str
        Hosts that may be asked by http as well: that of a test.

    Raises
    ------
    DegcraftError
        It could not be fetched, is another file, or cannot be written.
    """
    _refuse_plain(url, plain)
    part = file.with_name(f".{file.name}.part")
    opener = _opener(plain)
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        for wait in (*_WAITS, None):
            try:
                _go_on(opener, url, part)
                break
            except _NETWORK as error:
                if wait is None or not _passes(error):
                    raise DegcraftError(_not_fetched(file, published, error)) from error
                say(f"{file}: {error}; trying again in {wait} s")
                time.sleep(wait)
        if (found := sha256(part)) != published.sha256:
            part.unlink()
            raise DegcraftError(
                f"{file}: what was fetched has SHA-256 {found}; {published.sha256} is needed; nothing was kept; "
                f"run again, or put the right {published.file} there by hand"
            )
        part.replace(file)
    except OSError as error:
        raise unwritable(file, error) from error
    finally:
        if part.is_file() and not part.stat().st_size:
            part.unlink()


def _go_on(opener: urllib.request.OpenerDirector, url: str, part: Path) -> None:
    """Ask for what `part` lacks and append it; a server that sends everything anew begins it anew."""
    there = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    try:
        answer = opener.open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and there:
            return  # all of it is there; its hash says whether it is right
        raise
    with answer:
        going_on = answer.status == http.HTTPStatus.PARTIAL_CONTENT
        if going_on and not answer.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
            raise http.client.HTTPException(f"asked for bytes from {there} on, got {answer.headers['Content-Range']}")
        with part.open("ab" if going_on else "wb") as copy:
            end = copy.tell() + int(answer.headers.get("Content-Length") or 0)
            while block := answer.read(1 << 20):
                if copy.tell() + len(block) > _LARGEST:
                    part.unlink()
                    raise DegcraftError(
                        f"{url}: more than {_LARGEST:,} bytes; needed is a weights file; fetch it by hand"
                    )
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
            if copy.tell() < end:
                raise http.client.HTTPException(f"cut after {copy.tell()} of {end} bytes")


def _passes(error: Exception) -> bool:
    """Whether another attempt may end otherwise: not where the server knows what it says no to."""
    return not isinstance(error, urllib.error.HTTPError) or error.code in _PASSING


def _not_fetched(file: Path, published: Published, error: Exception) -> str:
    return (
        f"{file}: could not be fetched ({error}); on a machine with network fetch {published.file}, that is "
        f"torchvision's {published.source} (SHA-256 {published.sha256}), and put it at {file}; then run again: what "
        "was fetched is kept"
    )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Redirects to addresses that may be asked."""

    def __init__(self, plain: Collection[str]) -> None:
        self._plain = plain

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _refuse_plain(newurl, self._plain)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(plain: Collection[str]) -> urllib.request.OpenerDirector:
    """What opens addresses by https, through the proxies of the environment; no files, no ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPSHandler(),
        _Plain(plain),
        _Redirects(plain),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


class _Plain(urllib.request.HTTPHandler):
    """Addresses by http, of few hosts if any."""

    def __init__(self, plain: Collection[str]) -> None:
        super().__init__()
        self._plain = plain

    def http_open(self, req: urllib.request.Request) -> Any:
        _refuse_plain(req.full_url, self._plain)
        return super().http_open(req)


def _refuse_plain(url: str, plain: Collection[str]) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in plain):
        raise DegcraftError(f"{url}: not an address by https; needed is one; put the file in place by hand")


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, required=True, help="resources/weights/<name>")
    parser.add_argument("--checksums", type=Path, default=CHECKSUMS, help="default: resources/checksums.tsv")
    given = parser.parse_args(argv)
    run(given.file, given.checksums)


if __name__ == "__main__":
    enter(main)
