import re
import struct
import warnings
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from degcraft.images import decode
from tests.decoded import chunk, noise, refusal


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp", "webp"])
def test_truncated_files_are_refused(tmp_path, suffix, share):
    buffer = BytesIO()
    kind = {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper())
    Image.fromarray(noise(64, 64, 3)).save(buffer, format=kind)
    whole = buffer.getvalue()
    (tmp_path / f"a.{suffix}").write_bytes(whole[: int(share * len(whole))])
    message = refusal(tmp_path / f"a.{suffix}")
    assert re.match(r"(damaged or cut short \(.+\); replace it with a whole copy|not a whole PNG, JPEG, )", message)


def test_any_wrong_bit_in_the_pixels_of_a_png_is_noticed(tmp_path):
    buffer = BytesIO()
    ramp = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    Image.fromarray(ramp).save(buffer, format="PNG")
    content = buffer.getvalue()
    start = content.index(b"IDAT") + 4
    for place in range(start, start + struct.unpack(">I", content[start - 8 : start - 4])[0] + 4):
        (tmp_path / "a.png").write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
        assert refusal(tmp_path / "a.png").startswith("damaged or cut short (")


def test_what_is_no_image_is_refused(tmp_path):
    (tmp_path / "a.png").write_text("no image\n")
    assert refusal(tmp_path / "a.png").startswith("not a whole PNG, JPEG, TIFF, BMP or WebP image")
    (tmp_path / "b.png").write_bytes(b"")
    assert refusal(tmp_path / "b.png").startswith("empty; ")
    Image.new("RGB", (40, 40)).save(tmp_path / "c.png", format="GIF")
    assert refusal(tmp_path / "c.png").startswith("not a whole PNG")
    assert refusal(tmp_path / "none.png") == "cannot be read (No such file or directory); check the path"
    assert refusal(tmp_path).startswith("cannot be read (Is a directory)")


def test_decompression_bombs_are_refused_unread(tmp_path):
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    assert refusal(tmp_path / "a.png") == "more than 100 megapixels; cut or reduce it, or take it out of the folder"


def test_large_images_pass_without_a_warning(tmp_path):
    Image.new("L", (10_000, 9_000)).save(tmp_path / "a.png")
    with warnings.catch_warnings(record=True) as told:
        assert decode(tmp_path / "a.png").shape == (9_000, 10_000, 3)
    assert told == []
