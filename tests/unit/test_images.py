import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from degcraft.images import decode
from tests.decoded import chunk, noise, refusal

UPRIGHT = {  # EXIF orientation -> what turns the stored rows and columns into the picture
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


def png16(path, samples, clear=None):
    """Write a 16-bit PNG of 1 to 4 channels; `clear` declares one colour transparent."""
    height, width, channels = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    # Filter 1: each byte is stored as its difference from the same byte of the pixel before.
    raw = samples.astype(">u2").view(np.uint8).reshape(height, -1)
    step = 2 * channels
    raw = np.concatenate([raw[:, :step], raw[:, step:] - raw[:, :-step]], axis=1)
    lines = b"".join(b"\x01" + line.tobytes() for line in raw)
    parts = [chunk(b"IHDR", header)]
    parts += [chunk(b"tRNS", struct.pack(f">{len(clear)}H", *clear))] if clear else []
    parts += [chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.bmp", {}),
        ("a.webp", {"lossless": True}),
        ("a.tif", {}),
        ("a.tiff", {"compression": "tiff_lzw"}),
        ("a.TIF", {"compression": "tiff_adobe_deflate"}),
        ("wrong_suffix.jpg", {"format": "PNG"}),
    ],
)
def test_colour_is_kept_exactly(tmp_path, name, options):
    image = noise(37, 41, 3)
    Image.fromarray(image).save(tmp_path / name, **options)
    decoded = decode(tmp_path / name)
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous
    assert np.array_equal(decoded, image)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_jpeg_is_close(tmp_path, subsampling):
    y, x = np.mgrid[:48, :64]
    image = np.stack([2 * y, 2 * x, 255 - 2 * x], axis=-1).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "a.jpg", quality=95, subsampling=subsampling)
    assert np.abs(decode(tmp_path / "a.jpg").astype(int) - image).max() < 12


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "jpg"])
def test_grey_becomes_three_equal_channels(tmp_path, suffix):
    image = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (40, 1))
    Image.fromarray(image).save(tmp_path / f"a.{suffix}")
    decoded = decode(tmp_path / f"a.{suffix}")
    assert decoded.shape == (40, 64, 3)
    assert np.abs(decoded - image[..., None].astype(int)).max() <= (2 if suffix == "jpg" else 0)


def test_one_bit_is_black_and_white(tmp_path):
    image = noise(33, 35) > 127
    Image.fromarray(image).save(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png"), np.repeat(image[..., None] * np.uint8(255), 3, axis=2))


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_palette_becomes_its_colours(tmp_path, suffix):
    palette, index = noise(7, 3, seed=1), noise(40, 50) % 7
    image = Image.fromarray(index, mode="P")
    image.putpalette(palette.tobytes())
    image.save(tmp_path / f"a.{suffix}")
    assert np.array_equal(decode(tmp_path / f"a.{suffix}"), palette[index])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png_is_rounded_exactly(tmp_path, channels):
    samples = noise(60, 70, channels, dtype=np.uint16)
    colours = samples if channels % 2 else samples[..., :-1]
    samples[..., channels - 1 :] = samples[..., channels - 1 :] if channels % 2 else 65535
    png16(tmp_path / "a.png", samples)
    expected = np.rint(colours / 257).astype(np.uint8)
    assert np.array_equal(decode(tmp_path / "a.png"), np.broadcast_to(expected, (60, 70, 3)))


def test_16_bit_keeps_8_bit_values(tmp_path):
    image = noise(40, 40, 3)
    png16(tmp_path / "a.png", image.astype(np.uint16) * 257)
    assert np.array_equal(decode(tmp_path / "a.png"), image)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "layout",
    [{}, {"compression": "zlib"}, {"compression": "zlib", "predictor": True}, {"tile": (16, 16)}, {"rowsperstrip": 7}],
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_tiff_is_rounded_exactly(tmp_path, channels, layout, order):
    samples = noise(60, 70, channels, dtype=np.uint16)
    samples[..., 3:] = 65535
    kind = {"photometric": "minisblack"} if channels == 1 else {"photometric": "rgb"}
    alpha = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    tifffile.imwrite(tmp_path / "a.tif", samples.squeeze(), byteorder=order, **layout, **kind, **alpha)
    expected = np.rint(samples[..., :3] / 257).astype(np.uint8)
    assert np.array_equal(decode(tmp_path / "a.tif"), np.broadcast_to(expected, (60, 70, 3)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_where_zero_is_white(tmp_path, dtype):
    samples = noise(40, 40, dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="miniswhite")
    expected = np.rint((np.iinfo(dtype).max - samples) * (255 / np.iinfo(dtype).max))
    assert np.array_equal(decode(tmp_path / "a.tif")[..., 1], expected)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("RGBA", "png"), ("RGBA", "tif"), ("RGBA", "webp"), ("LA", "png"), ("LA", "tif"), ("LA", "webp"), ("P", "png")],
)
def test_opaque_alpha_is_dropped_and_any_other_refused(tmp_path, mode, suffix):
    grey = noise(40, 40)
    image = Image.fromarray(grey).convert("RGBA")
    if mode == "LA":
        image = image.convert("LA")
    if mode == "P":
        image = Image.fromarray(grey % 4, mode="P")
        image.putpalette(noise(4, 3, seed=2).tobytes())
    path = tmp_path / f"a.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    image.save(path, **options, **({"transparency": bytes([255] * 4)} if mode == "P" else {}))
    assert np.array_equal(decode(path), np.asarray(image.convert("RGB")))
    if mode == "P":
        image.save(path, **options, transparency=bytes([255, 255, 254, 255]))
    else:
        image.putpixel((3, 5), (9,) * (len(mode) - 1) + (254,))
        image.save(path, **options)
    assert refusal(path).startswith("transparent pixels, which have no colour to learn from; flatten it")


def test_transparent_colour_matters_only_where_it_occurs(tmp_path):
    image = np.full((40, 40, 3), 100, np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png", transparency=(1, 2, 3))
    assert np.array_equal(decode(tmp_path / "a.png"), image)
    image[7, 8] = 1, 2, 3
    Image.fromarray(image).save(tmp_path / "a.png", transparency=(1, 2, 3))
    assert refusal(tmp_path / "a.png").startswith("transparent pixels")


@pytest.mark.parametrize("channels", [1, 3])
def test_transparent_colour_of_16_bits(tmp_path, channels):
    samples = np.full((40, 40, channels), 40_000, np.uint16)
    png16(tmp_path / "a.png", samples, clear=(40_001,) * channels)
    assert (decode(tmp_path / "a.png") == 156).all()
    samples[3, 4] = 40_001
    png16(tmp_path / "a.png", samples, clear=(40_001,) * channels)
    assert refusal(tmp_path / "a.png").startswith("transparent pixels")


@pytest.mark.parametrize("channels", [2, 4])
def test_16_bit_alpha_just_below_opaque_is_refused(tmp_path, channels):
    samples = np.full((40, 40, channels), 65535, np.uint16)
    samples[0, 0, -1] = 65534
    png16(tmp_path / "a.png", samples)
    assert refusal(tmp_path / "a.png").startswith("transparent pixels")


@pytest.mark.parametrize("turn", UPRIGHT)
@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
def test_camera_orientation_is_applied(tmp_path, suffix, turn):
    stored = np.kron(noise(5, 6, 3), np.ones((8, 8, 1), np.uint8))
    exif = Image.Exif()
    exif[274] = turn
    options = {"webp": {"lossless": True}, "jpg": {"quality": 98, "subsampling": "4:4:4"}}.get(suffix, {})
    Image.fromarray(stored).save(tmp_path / f"a.{suffix}", exif=exif, **options)
    difference = decode(tmp_path / f"a.{suffix}") - UPRIGHT[turn](stored).astype(int)
    assert np.abs(difference).max() <= (16 if suffix == "jpg" else 0)


@pytest.mark.parametrize("turn", UPRIGHT)
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [1, 3])
def test_camera_orientation_of_16_bits(tmp_path, channels, compression, turn):
    stored = noise(40, 50, channels, dtype=np.uint16)
    kind = "rgb" if channels == 3 else "minisblack"
    tags = [(274, "H", 1, turn, True)]
    tifffile.imwrite(tmp_path / "a.tif", stored.squeeze(), photometric=kind, compression=compression, extratags=tags)
    upright = np.rint(UPRIGHT[turn](stored) / 257)
    assert np.array_equal(decode(tmp_path / "a.tif"), np.broadcast_to(upright, (*upright.shape[:2], 3)))


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_is_refused(tmp_path, suffix):
    Image.new("CMYK", (40, 40)).save(tmp_path / f"a.{suffix}")
    assert refusal(tmp_path / f"a.{suffix}") == (
        "CMYK inks, which have no exact RGB values; "
        "convert it to 8- or 16-bit RGB or grey, or take it out of the folder"
    )


@pytest.mark.parametrize(
    ("dtype", "found"),
    [(np.float32, "floating-point samples"), (np.int16, "signed or 32-bit samples"), (np.int32, "32-bit samples")],
)
def test_samples_without_a_white_are_refused(tmp_path, dtype, found):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((40, 40), dtype), photometric="minisblack")
    assert found in refusal(tmp_path / "a.tif")


def test_lab_is_refused(tmp_path):
    Image.new("LAB", (40, 40)).save(tmp_path / "a.tif")
    assert refusal(tmp_path / "a.tif").startswith("CIE Lab values")


def test_12_bit_grey_is_refused(tmp_path):
    tags = [(256, 40), (257, 40), (258, 12), (259, 1), (262, 1), (273, 200), (277, 1), (278, 40), (279, 40 * 60)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    header = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    (tmp_path / "a.tif").write_bytes(header.ljust(200, b"\0") + bytes(40 * 60))
    assert refusal(tmp_path / "a.tif").startswith("12-bit samples; convert it")


def test_separate_16_bit_planes_are_refused(tmp_path):
    planes = noise(3, 40, 40, dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    assert refusal(tmp_path / "a.tif").startswith("16-bit samples in separate colour planes; save it with")


def test_separate_8_bit_planes_are_read(tmp_path):
    planes = noise(3, 40, 50)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    assert np.array_equal(decode(tmp_path / "a.tif"), np.moveaxis(planes, 0, -1))


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_several_frames_are_refused(tmp_path, suffix):
    frames = [Image.fromarray(noise(40, 40, 3, seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    assert refusal(tmp_path / f"a.{suffix}") == "3 frames or pages, one is needed; save them as separate files"


def test_first_picture_of_a_phones_jpeg_is_read(tmp_path):
    frames = [Image.fromarray(np.full((40, 40, 3), value, np.uint8)) for value in (50, 200)]
    frames[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=frames[1:])
    assert np.abs(decode(tmp_path / "a.jpg").astype(int) - 50).max() <= 1
