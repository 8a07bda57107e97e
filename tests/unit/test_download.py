import hashlib
from pathlib import Path

import pytest

from degcraft.errors import DegcraftError
from degcraft.published import CHECKSUMS, Published, pinned, read_checksums, sha256, weights_file
from degcraft.stages import download
from degcraft.stages.download import address, run

ALEXNET = "alexnet-owt-7be5be79.pth"
CONTENT = b"weights" * 1000


@pytest.fixture
def checksums(tmp_path):
    table = tmp_path / "checksums.tsv"
    digest = hashlib.sha256(CONTENT).hexdigest()
    rows = [f"{ALEXNET}\tAlexNet_Weights.IMAGENET1K_V1\t{digest}\textractors.alexnet"]
    table.write_text("\n".join(["# a comment", "file\tsource\tsha256\tused_by", *rows]) + "\n")
    return table


def test_every_line_of_the_table_is_pinned():
    known = read_checksums()
    assert set(known) == {
        ALEXNET,
        "vgg19-dcbb9e9d.pth",
        "squeezenet1_1-b8a52dc0.pth",
        "vgg16-397923af.pth",
    }
    for name, published in known.items():
        assert len(published.sha256) == 64
        assert published.sha256[:8] == Path(name).stem.rsplit("-")[-1]  # the publisher's own pin


@pytest.mark.parametrize("name", list(read_checksums()))
def test_torchvision_publishes_each_under_its_name(name):
    assert address(read_checksums()[name]).endswith(f"/{name}")


def test_another_name_at_torchvision_is_refused():
    with pytest.raises(DegcraftError, match=r"this torchvision publishes alexnet-owt-7be5be79\.pth as AlexNet_Weights"):
        address(Published("alexnet-old.pth", "AlexNet_Weights.IMAGENET1K_V1", "0" * 64, ("extractors.alexnet",)))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"kind": "alexnet", "weights": "torchvision"}, f"resources/weights/{ALEXNET}"),
        ({"kind": "vgg", "layer": [5, 4], "weights": "torchvision"}, "resources/weights/vgg19-dcbb9e9d.pth"),
        ({"net": "alex", "weights": "torchvision"}, f"resources/weights/{ALEXNET}"),
        ({"net": "squeeze", "weights": "torchvision"}, "resources/weights/squeezenet1_1-b8a52dc0.pth"),
        ({"net": "vgg", "weights": "torchvision"}, "resources/weights/vgg16-397923af.pth"),
        ({"net": "alex", "weights": "none"}, None),
        ({"kind": "alexnet", "weights": "random", "seed": 0}, None),
        ({"kind": "dct"}, None),
        ({"kind": "dasr", "weights": "mine/dasr.safetensors"}, "mine/dasr.safetensors"),
    ],
)
def test_weights_file_of_a_config_entry(options, expected):
    assert weights_file(options) == expected


def test_weights_file_refuses_what_nobody_publishes():
    with pytest.raises(DegcraftError, match=r"extractors\.dasr: weights: torchvision"):
        weights_file({"kind": "dasr", "weights": "torchvision"})


def test_pins_go_by_name():
    assert pinned(Path("anywhere") / ALEXNET) == read_checksums()[ALEXNET].sha256
    assert pinned(Path("resources/weights/mine.safetensors")) is None
    assert pinned(Path("resources/weights/dasr.safetensors")) is None


def test_a_right_file_is_left_alone(tmp_path, checksums, capsys):
    file = tmp_path / "weights" / ALEXNET
    file.parent.mkdir()
    file.write_bytes(CONTENT)
    before = file.stat().st_mtime_ns
    run(file, checksums)
    assert file.stat().st_mtime_ns == before
    assert "nothing to do" in capsys.readouterr().err


def test_a_wrong_file_is_refused_and_kept(tmp_path, checksums):
    file = tmp_path / ALEXNET
    file.write_bytes(b"something else")
    with pytest.raises(DegcraftError, match=rf"SHA-256 is {sha256(file)}.*the file is kept"):
        run(file, checksums)
    assert file.read_bytes() == b"something else"


def test_an_unknown_name_is_refused(tmp_path, checksums):
    with pytest.raises(DegcraftError, match="correct the name in config"):
        run(tmp_path / "other.pth", checksums)


@pytest.mark.parametrize("content", ["file\tsource\n" + "a\tb\n", None])
def test_a_broken_table_is_said(tmp_path, content):
    if content:
        (tmp_path / "table.tsv").write_text(content)
    with pytest.raises(DegcraftError, match="missing or without a column"):
        read_checksums(tmp_path / "table.tsv")


def test_without_network_the_message_says_what_to_fetch_and_where_to_put_it(tmp_path, monkeypatch):
    file = tmp_path / "resources" / "weights" / ALEXNET
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download, "_WAITS", ())
    with pytest.raises(DegcraftError) as caught:
        run(file, CHECKSUMS)
    for part in (ALEXNET, "AlexNet_Weights.IMAGENET1K_V1", f"put it at {file}", "could not be fetched"):
        assert part in str(caught.value)
    assert list(file.parent.iterdir()) == []
