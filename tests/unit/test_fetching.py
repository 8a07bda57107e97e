"""Downloads from a server of this test, which cuts, lies, redirects and forgets; it is asked by http, as nothing else."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from degcraft.errors import DegcraftError
from degcraft.published import Published
from degcraft.stages import download
from degcraft.stages.download import fetch

HOST = "127.0.0.1"
CONTENT = bytes(range(256)) * 2000
WEIGHTS = Published("net.pth", "Net_Weights.V1", hashlib.sha256(CONTENT).hexdigest(), ("extractors.net",))


class Server:
    """Answers of a server, one for each request; the last one again and again."""

    def __init__(self, port):
        self.url, self.answers, self.asked = f"http://{HOST}:{port}/net.pth", [whole], []


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "_WAITS", (0, 0, 0))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            state.asked.append((self.path, self.headers.get("Range")))
            answer = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
            answer(self)

        def log_message(self, *_):
            pass

    served = ThreadingHTTPServer((HOST, 0), Handler)
    state = Server(served.server_port)
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    served.shutdown()
    thread.join()
    served.server_close()


def answer(handler, status, content=b"", length=None, **headers):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


def whole(handler):
    """All of it from where it is asked, as servers do."""
    start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
    if start >= len(CONTENT):
        answer(handler, 416)
    elif start:
        span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        answer(handler, 206, CONTENT[start:], Content_Range=span)
    else:
        answer(handler, 200, CONTENT)


def cut(handler):
    """A third of what is missing, then nothing more."""
    start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
    rest = CONTENT[start:]
    span = {"Content_Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"} if start else {}
    answer(handler, 206 if start else 200, rest[: len(rest) // 3], len(rest), **span)
    handler.close_connection = True


def always_whole(handler):
    answer(handler, 200, CONTENT)


def other(handler):
    answer(handler, 200, b"something else")


def elsewhere(handler):
    answer(handler, 206, CONTENT[:100], Content_Range=f"bytes 0-99/{len(CONTENT)}")


def redirect(place):
    return lambda handler: answer(handler, 302, Location=place)


def status(code):
    return lambda handler: answer(handler, code)


def fetched(server, folder):
    fetch(server.url, folder / "net.pth", WEIGHTS, [HOST])
    assert (folder / "net.pth").read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["net.pth"]
    return [place for _, place in server.asked]


def refused(server, folder, message):
    with pytest.raises(DegcraftError, match=message):
        fetch(server.url, folder / "net.pth", WEIGHTS, [HOST])
    assert not (folder / "net.pth").exists()
    return [path.name for path in folder.iterdir()]


def test_what_is_fetched_is_checked_then_moved_into_place(server, tmp_path):
    assert fetched(server, tmp_path / "new") == [None]


def test_a_cut_download_goes_on_where_it_stopped(server, tmp_path, capsys):
    server.answers = [cut, cut, whole]
    third = len(CONTENT) // 3
    assert fetched(server, tmp_path / "new") == [
        None,
        f"bytes={third}-",
        f"bytes={third + (len(CONTENT) - third) // 3}-",
    ]
    assert f"cut after {third} of {len(CONTENT)} bytes; trying again in 0 s" in capsys.readouterr().err


def test_what_a_run_has_fetched_the_next_one_needs_not(server, tmp_path):
    server.answers = [cut]
    assert refused(server, tmp_path, r"could not be fetched \(cut after .*put it at .*what was fetched is kept") == [
        ".net.pth.part"
    ]
    size = (tmp_path / ".net.pth.part").stat().st_size
    server.answers, server.asked = [whole], []
    assert fetched(server, tmp_path) == [f"bytes={size}-"]


def test_a_server_that_knows_no_ranges_begins_anew(server, tmp_path):
    server.answers = [cut, always_whole]
    assert fetched(server, tmp_path / "new") == [None, f"bytes={len(CONTENT) // 3}-"]


def test_a_part_that_is_whole_is_checked_and_taken(server, tmp_path):
    (tmp_path / ".net.pth.part").write_bytes(CONTENT)
    assert fetched(server, tmp_path) == [f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize("part", [b"", b"of another file"])
def test_other_bytes_leave_nothing(server, tmp_path, part):
    if part:
        (tmp_path / ".net.pth.part").write_bytes(part)
    server.answers = [whole] if part else [other]
    assert refused(server, tmp_path, "what was fetched has SHA-256 .* nothing was kept") == []
    server.answers = [whole]
    fetched(server, tmp_path)


def test_bytes_of_another_place_are_not_appended(server, tmp_path):
    server.answers = [cut, elsewhere, whole]
    assert len(fetched(server, tmp_path / "new")) == 3


def test_a_passing_failure_is_tried_again_a_lasting_one_is_not(server, tmp_path):
    server.answers = [status(503), status(429), whole]
    assert len(fetched(server, tmp_path / "new")) == 3
    server.answers, server.asked = [status(404)], []
    refused(server, tmp_path / "gone", r"could not be fetched \(HTTP Error 404")
    assert len(server.asked) == 1


@pytest.mark.parametrize("place", ["http://localhost/net.pth", "file:///etc/hostname", "ftp://127.0.0.1/net.pth"])
def test_redirects_leave_https_for_nothing(server, tmp_path, place):
    server.answers = [redirect(place)]
    assert refused(server, tmp_path, f"{place}: not an address by https|{place}' is not allowed") == []
    assert len(server.asked) == 1


def test_redirects_to_where_may_be_asked_are_followed(server, tmp_path):
    server.answers = [redirect(server.url + "?there"), whole]
    fetched(server, tmp_path / "new")
    assert [path for path, _ in server.asked] == ["/net.pth", "/net.pth?there"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/net.pth", "file:///etc/hostname", "ftp://127.0.0.1/net.pth"])
def test_by_itself_nothing_but_https_is_asked(tmp_path, url):
    with pytest.raises(DegcraftError, match="not an address by https"):
        fetch(url, tmp_path / "net.pth", WEIGHTS)
    assert list(tmp_path.iterdir()) == []


def test_a_download_without_end_is_stopped(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_LARGEST", 1000)
    assert refused(server, tmp_path, "more than 1,000 bytes") == []


def test_proxies_of_the_environment_are_used(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/net.pth"))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    fetch("http://weights.invalid/net.pth", tmp_path / "net.pth", WEIGHTS, ["weights.invalid"])
    assert server.asked == [("http://weights.invalid/net.pth", None)]
    assert (tmp_path / "net.pth").read_bytes() == CONTENT
