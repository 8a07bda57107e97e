import itertools
import struct
import zlib
from io import BytesIO

import av
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import IFDRational

from degcraft.errors import DegcraftError
from degcraft.pictures import Picture, check_format, read_pages, read_picture, write_pages, write_picture

NAME = "Möbius 光学"
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MAKE, ORIENTATION, DATE, EXIF, GPS = 271, 274, 36867, 0x8769, 0x8825
WIDE, EXPOSURE = 0xA002, 33434


def noise(*shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def camera_tags(orientation=1):
    exif = Image.Exif()
    exif[MAKE], exif[ORIENTATION] = NAME.encode(), orientation
    exif[EXIF] = {DATE: "2001:02:03 04:05:06", WIDE: 7, 0xA003: 7, EXPOSURE: IFDRational(1, 250)}
    exif[GPS] = {1: "N"}
    return exif


def picture(channels, dtype=np.uint8, height=37, width=41, **kept):
    samples = noise(height, width, channels, dtype=dtype)
    colours = samples[..., : 1 if channels < 3 else 3]
    alpha = samples[..., -1] if channels % 2 == 0 else None
    return Picture(np.repeat(colours, 3, axis=2) if channels < 3 else colours, alpha, channels < 3, **kept)


def assert_same(found, expected):
    assert found.grey == expected.grey
    assert found.colours.dtype == expected.colours.dtype
    assert np.array_equal(found.colours, expected.colours)
    assert (found.alpha is None) == (expected.alpha is None)
    assert expected.alpha is None or np.array_equal(found.alpha, expected.alpha)


def refusal(path):
    with pytest.raises(DegcraftError) as caught:
        list(read_pages(path))
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


LOSSLESS = [
    ("png", np.uint8, (1, 2, 3, 4)),
    ("png", np.uint16, (1, 2, 3, 4)),
    ("tif", np.uint8, (1, 2, 3, 4)),
    ("tif", np.uint16, (1, 3, 4)),
    ("webp", np.uint8, (3, 4)),
    ("bmp", np.uint8, (1, 3)),
]


@pytest.mark.parametrize(
    ("suffix", "dtype", "channels"),
    [(suffix, dtype, number) for suffix, dtype, numbers in LOSSLESS for number in numbers],
)
def test_what_is_written_is_read_again(tmp_path, suffix, dtype, channels):
    path, original = tmp_path / f"a.{suffix}", picture(channels, dtype)
    write_picture(path, original)
    assert_same(read_picture(path), original)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png_as_ffmpeg_reads_it(tmp_path, channels):
    original = picture(channels, np.uint16, height=300, width=301)
    write_picture(tmp_path / "a.png", original)
    with av.open(str(tmp_path / "a.png")) as container:
        frame = next(container.decode(video=0))
    assert frame.format.name == {1: "gray16be", 2: "ya16be", 3: "rgb48be", 4: "rgba64be"}[channels]
    found = frame.reformat(format="rgba64le").to_ndarray()
    assert np.abs(found[..., :3].astype(int) - original.colours).max() <= (0 if channels > 2 else 64)
    assert original.alpha is None or np.abs(found[..., 3].astype(int) - original.alpha).max() <= 64


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_tiff_as_tifffile_reads_it(tmp_path, channels, dtype):
    original = picture(channels, dtype, height=500, width=640, icc=ICC, exif=camera_tags().tobytes())
    write_picture(tmp_path / "a.tif", original)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        (page,) = file.pages
        found = page.asarray().reshape(500, 640, channels)
        assert page.tags[34675].value == ICC
        assert page.tags[EXIF].value["ExposureTime"] == (1, 250)
        assert (page.extrasamples == (2,)) == (channels % 2 == 0)  # alpha that multiplies no colour
    assert np.array_equal(found[..., : 3 if channels > 2 else 1], original.colours[..., : 3 if channels > 2 else 1])
    assert channels % 2 or np.array_equal(found[..., -1], original.alpha)


@pytest.mark.parametrize("grey", [False, True])
def test_jpeg_is_close_and_keeps_full_colour(tmp_path, grey):
    y, x = np.mgrid[:48, :64]
    colours = np.stack([5 * y, 3 * x, 255 - 3 * x], axis=-1).astype(np.uint8)
    original = Picture(np.repeat(colours[..., :1], 3, axis=2) if grey else colours, grey=grey)
    write_picture(tmp_path / "a.jpg", original)
    found = read_picture(tmp_path / "a.jpg")
    assert found.grey == grey
    assert np.abs(found.colours.astype(int) - original.colours).max() < 8
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.mode == ("L" if grey else "RGB")
        assert grey or {sampling[1:3] for sampling in image.layer} == {(1, 1)}


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [("jpg", np.uint8), ("webp", np.uint8), *itertools.product(["png", "tif"], [np.uint8, np.uint16])],
)
def test_exif_and_profile_are_kept_and_the_size_is_corrected(tmp_path, suffix, dtype):
    write_picture(tmp_path / f"a.{suffix}", picture(3, dtype, icc=ICC, exif=camera_tags().tobytes()))
    with Image.open(tmp_path / f"a.{suffix}") as image:
        exif = image.getexif()
        assert image.info["icc_profile"] == ICC
        assert exif[MAKE].encode("latin-1").decode() == NAME
        assert ORIENTATION not in exif
        assert exif.get_ifd(EXIF)[DATE] == "2001:02:03 04:05:06"
        assert (exif.get_ifd(EXIF)[WIDE], exif.get_ifd(EXIF)[0xA003]) == (41, 37)
        assert exif.get_ifd(EXIF)[EXPOSURE] == pytest.approx(1 / 250)
        assert exif.get_ifd(GPS)[1] == "N"
    again = read_picture(tmp_path / f"a.{suffix}")
    write_picture(tmp_path / f"b.{suffix}", again)
    assert read_picture(tmp_path / f"b.{suffix}").exif == again.exif  # nothing of the layout crept in


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_orientation_is_applied_and_its_tag_removed(tmp_path, suffix):
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:, :16] = 250  # left half white; turned clockwise (6) it is the upper half
    Image.fromarray(stored).save(tmp_path / f"a.{suffix}", exif=camera_tags(6).tobytes())
    found = read_picture(tmp_path / f"a.{suffix}")
    assert found.colours.shape == (32, 16, 3)
    assert found.colours[:16].min() > 200
    assert found.colours[16:].max() < 50
    kept = Image.Exif()
    kept.load(found.exif)
    assert ORIENTATION not in kept
    assert kept[MAKE].startswith("M")


def test_exif_in_the_order_of_motorola_becomes_a_tiff(tmp_path):
    plain = camera_tags()
    plain.endian = ">"
    Image.fromarray(noise(16, 16, 3)).save(tmp_path / "a.jpg", exif=plain.tobytes())
    assert b"MM\0*" in (tmp_path / "a.jpg").read_bytes()
    write_picture(tmp_path / "a.tif", read_picture(tmp_path / "a.jpg"))
    with Image.open(tmp_path / "a.tif") as image:
        assert image.getexif()[MAKE].encode("latin-1").decode() == NAME


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pages_of_a_tiff(tmp_path, dtype):
    originals = [picture(3, dtype), picture(1, dtype, 20, 30), picture(4, np.uint8, 9, 300)]
    write_pages(tmp_path / "a.tif", originals)
    for found, original in zip(read_pages(tmp_path / "a.tif"), originals, strict=True):
        assert_same(found, original)
    with pytest.raises(DegcraftError, match="several pages, one is needed; use read_pages"):
        read_picture(tmp_path / "a.tif")
    with pytest.raises(DegcraftError, match="several pages, which only TIFF holds"):
        write_pages(tmp_path / "a.png", originals)


@pytest.mark.parametrize("channels", [1, 3])
def test_pages_of_another_program(tmp_path, channels):
    pages = noise(3, 20, 30, channels, dtype=np.uint16).squeeze()
    kind = "rgb" if channels == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric=kind, compression="zlib")
    found = [page.colours[..., :channels].squeeze() for page in read_pages(tmp_path / "a.tif")]
    assert np.array_equal(found, pages)


def test_reduced_copies_among_the_pages_are_passed_over(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(noise(40, 40, 3), photometric="rgb")
        file.write(noise(10, 10, 3), photometric="rgb", subfiletype=1)
    assert read_picture(tmp_path / "a.tif").colours.shape == (40, 40, 3)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_one_bit_becomes_grey(tmp_path, suffix):
    bits = noise(33, 35) > 127
    Image.fromarray(bits).save(tmp_path / f"a.{suffix}")
    found = read_picture(tmp_path / f"a.{suffix}")
    assert found.grey
    assert np.array_equal(found.colours[..., 1], bits * np.uint8(255))


def test_palette_with_transparency(tmp_path):
    palette, index = noise(4, 3, seed=1), noise(40, 40) % 4
    image = Image.fromarray(index, mode="P")
    image.putpalette(palette.tobytes())
    image.save(tmp_path / "a.png", transparency=bytes([255, 100, 0, 255]))
    found = read_picture(tmp_path / "a.png")
    assert np.array_equal(found.colours, palette[index])
    assert np.array_equal(found.alpha, np.array([255, 100, 0, 255], np.uint8)[index])


def test_the_one_transparent_colour_of_16_bits_becomes_alpha(tmp_path):
    samples = noise(10, 10, dtype=np.uint16)
    header = struct.pack(">IIBBBBB", 10, 10, 16, 0, 0, 0, 0)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in samples)
    parts = [(b"IHDR", header), (b"tRNS", struct.pack(">H", samples[3, 4])), (b"IDAT", zlib.compress(lines))]
    body = [
        struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in [*parts, (b"IEND", b"")]
    ]
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(body))
    found = read_picture(tmp_path / "a.png")
    assert np.array_equal(found.alpha, np.where(samples == samples[3, 4], 0, 65535))
    assert found.alpha[3, 4] == 0


def test_colours_that_alpha_multiplied_are_divided(tmp_path):
    straight, alpha = noise(40, 40, 3, dtype=np.uint16), noise(40, 40, 1, dtype=np.uint16, seed=1) | 0x8000
    multiplied = np.rint(straight * (alpha / 65535)).astype(np.uint16)
    stored = np.concatenate([multiplied, alpha], axis=2)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    found = read_picture(tmp_path / "a.tif")
    assert np.array_equal(found.alpha, alpha[..., 0])
    assert np.abs(found.colours.astype(int) - straight).max() <= 1


@pytest.mark.parametrize(
    ("mode", "suffix", "found"),
    [("CMYK", "jpg", "CMYK inks"), ("CMYK", "tif", "CMYK inks"), ("LAB", "tif", "CIE Lab"), ("F", "tif", "floating-")],
)
def test_what_has_no_exact_rgb_is_refused(tmp_path, mode, suffix, found):
    Image.new(mode, (40, 40)).save(tmp_path / f"a.{suffix}")
    message = refusal(tmp_path / f"a.{suffix}")
    assert message.startswith(found)
    assert "; convert it to 8- or 16-bit RGB or grey" in message


def test_a_wrong_page_is_told_after_the_pages_before_it(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(noise(40, 40, 3), photometric="rgb")
        file.write(np.zeros((10, 10), np.float32), photometric="minisblack")
    assert refusal(tmp_path / "a.tif").startswith("floating-point samples")


def test_films_and_damaged_and_absent_files_are_refused(tmp_path):
    frames = [Image.fromarray(noise(40, 40, 3, seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    assert refusal(tmp_path / "a.png").startswith("3 frames or pages, one is needed")
    buffer = BytesIO()
    frames[0].save(buffer, "PNG")
    (tmp_path / "b.png").write_bytes(buffer.getvalue()[:3000])
    assert refusal(tmp_path / "b.png").startswith("damaged or cut short")
    assert refusal(tmp_path / "none.png") == "cannot be read (No such file or directory); check the path"


def test_decompression_bombs_are_refused_and_8k_is_none(tmp_path):
    for name, side in (("bomb", 20_000), ("8k", 5_760)):
        Image.new("1", (side, side)).save(tmp_path / f"{name}.png")
    assert refusal(tmp_path / "bomb.png") == "more than 100 megapixels; cut or reduce it, or take it out of the folder"
    assert read_picture(tmp_path / "8k.png").colours.shape == (5_760, 5_760, 3)


@pytest.mark.parametrize(
    ("name", "original", "found"),
    [
        ("a.jpg", picture(3, np.uint16), "16 bits per sample, which JPEG cannot hold"),
        ("a.webp", picture(1, np.uint16), "16 bits per sample, which WEBP cannot hold"),
        ("a.jpeg", picture(4), "an alpha channel, which JPEG cannot hold"),
        ("a.bmp", picture(2), "an alpha channel, which BMP cannot hold"),
        ("a.gif", picture(3), 'unknown kind ".gif"; use one of .png, .jpg'),
    ],
)
def test_formats_say_what_they_cannot_hold(tmp_path, name, original, found):
    with pytest.raises(DegcraftError) as caught:
        write_picture(tmp_path / name, original)
    assert found in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_too_large_for_a_format_is_known_before_the_work():
    tall = Picture(np.broadcast_to(np.uint8(0), (17_000, 1, 3)))
    with pytest.raises(
        DegcraftError, match=r"4 x 68000 pixels, more than 65535 on a side, which JPEG cannot hold; conv"
    ):
        check_format("a.jpg", tall, 4)
    check_format("a.jpg", tall, 3)
    check_format("a.png", tall, 4)
