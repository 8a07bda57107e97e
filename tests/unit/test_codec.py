from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from degcraft.degradations.codec import FACTORS, round_trip
from degcraft.degradations.first_order import jpeg
from degcraft.quantisation import quantisation_tables

SIZES = [(32, 32), (72, 72), (33, 47), (16, 16), (17, 15), (8, 8), (1, 1), (5, 5), (6, 4), (3, 2), (2, 40), (40, 1)]
QUALITIES = [1, 2, 5, 10, 24, 25, 30, 43, 49, 50, 51, 60, 75, 83, 90, 95, 98, 99, 100]


def photographs(height, width, n):
    rng = np.random.default_rng(0)
    sources = [data.astronaut(), data.coffee(), data.chelsea()]
    tops, lefts = rng.integers(0, 300 - height, n), rng.integers(0, 400 - width, n)
    crops = [(sources[k % 3], tops[k], lefts[k]) for k in range(n)]
    return np.stack([source[top : top + height, left : left + width] for source, top, left in crops])


def noise(height, width, n):
    drawn = np.random.default_rng(1).normal(128, 60, (n, height, width, 3))
    return drawn.clip(0, 255).round().astype(np.uint8)


def saturated(height, width, n):
    """Squares of the eight corners of the colour cube, which no chroma subsampling keeps in range."""
    corners = np.random.default_rng(2).integers(0, 2, (n, height // 3 + 1, width // 3 + 1, 3)) * 255
    return corners.repeat(3, 1).repeat(3, 2)[:, :height, :width].astype(np.uint8)


def cosines():
    """Signs of the 64 basis functions, positive and negative: no coefficients are larger."""
    angles = np.outer(np.arange(8), 2 * np.arange(8) + 1) * np.pi / 16
    basis = np.einsum("uy,vx->uvyx", np.cos(angles), np.cos(angles)).reshape(64, 8, 8)
    signs = np.concatenate([basis, -basis]) > 0
    return np.tile(np.repeat(signs[..., None], 3, axis=3), (1, 2, 2, 1)).astype(np.uint8) * 255


def codec(images, qualities, chroma):
    tensor = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    return round_trip(tensor, torch.tensor(qualities), chroma).permute(0, 2, 3, 1).numpy()


def pillow(images, qualities, chroma):
    return np.stack([jpeg(image, quality, chroma) for image, quality in zip(images, qualities, strict=True)])


@pytest.mark.parametrize("quality", range(1, 101))
def test_tables_are_those_of_pillow(quality):
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=quality)
    tables = Image.open(buffer).quantization
    assert quantisation_tables(quality).reshape(2, 64).tolist() == [list(tables[0]), list(tables[1])]


@pytest.mark.parametrize("contents", [photographs, noise, saturated])
@pytest.mark.parametrize("chroma", FACTORS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_bit_is_that_of_libjpeg(contents, chroma, height, width):
    images = contents(height, width, len(QUALITIES))
    assert np.array_equal(codec(images, QUALITIES, chroma), pillow(images, QUALITIES, chroma))


@pytest.mark.parametrize("chroma", FACTORS)
def test_every_quality_is_that_of_libjpeg(chroma):
    qualities = list(range(1, 101))
    images = photographs(24, 40, 100)
    assert np.array_equal(codec(images, qualities, chroma), pillow(images, qualities, chroma))


@pytest.mark.parametrize("quality", [1, 30, 75, 100])
def test_largest_coefficients_do_not_overflow(quality):
    images = cosines()
    qualities = [quality] * len(images)
    assert np.array_equal(codec(images, qualities, "4:2:0"), pillow(images, qualities, "4:2:0"))


@pytest.mark.parametrize("chroma", FACTORS)
def test_quality_0_is_not_compressed(chroma):
    images = photographs(19, 21, 3)
    found = codec(images, [0, 30, 0], chroma)
    assert np.array_equal(found[[0, 2]], images[[0, 2]])
    assert np.array_equal(found[1], jpeg(images[1], 30, chroma))


@pytest.mark.parametrize("chroma", FACTORS)
def test_an_image_does_not_depend_on_its_batch(chroma):
    images = photographs(33, 47, 6)
    qualities = [10, 30, 0, 60, 90, 100]
    together = codec(images, qualities, chroma)
    alone = [codec(images[k : k + 1], qualities[k : k + 1], chroma)[0] for k in range(6)]
    assert np.array_equal(together, np.stack(alone))
    assert np.array_equal(together[::-1], codec(images[::-1], qualities[::-1], chroma))


@pytest.mark.parametrize("chroma", FACTORS)
def test_images_of_different_sizes_in_one_tensor_are_compressed_alone(chroma):
    sizes = [5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 74, 75]
    qualities = np.random.default_rng(3).integers(1, 101, len(sizes)).tolist()
    images = noise(75, 75, len(sizes))
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
    found = round_trip(tensor, torch.tensor(qualities), chroma, torch.tensor(sizes)).permute(0, 2, 3, 1).numpy()
    for image, result, size, quality in zip(images, found, sizes, qualities, strict=True):
        assert np.array_equal(result[:size, :size], jpeg(np.ascontiguousarray(image[:size, :size]), quality, chroma))


def test_the_same_input_gives_the_same_output_and_stays_as_it_was():
    images = torch.from_numpy(noise(40, 40, 4)).permute(0, 3, 1, 2).contiguous()
    before = images.clone()
    quality = torch.tensor([30, 50, 0, 90])
    first, second = round_trip(images, quality, "4:2:0"), round_trip(images, quality, "4:2:0")
    assert torch.equal(first, second)
    assert torch.equal(images, before)
    assert (first.dtype, first.shape) == (torch.uint8, images.shape)


def test_autocast_changes_nothing():
    images = photographs(32, 32, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = codec(images, [40, 80], "4:2:0")
    assert np.array_equal(found, pillow(images, [40, 80], "4:2:0"))


@pytest.mark.parametrize("chroma", FACTORS)
def test_the_program_is_one_graph_that_holds_its_constants(chroma):
    graphs = []

    def remember(graph, inputs):
        graphs.append(graph)
        return graph

    images, quality = torch.from_numpy(noise(33, 40, 2)).permute(0, 3, 1, 2), torch.tensor([30, 90])
    compiled = torch.compile(round_trip, backend=remember, fullgraph=True, dynamic=False)(images, quality, chroma)
    assert torch.equal(compiled, round_trip(images, quality, chroma))
    assert [node.op for node in graphs[0].graph.nodes].count("placeholder") == 2
    assert {"item", "cpu", "cuda", "tolist", "nonzero"}.isdisjoint(str(node.target) for node in graphs[0].graph.nodes)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("chroma", FACTORS)
def test_a_captured_graph_gives_the_bits_of_libjpeg(chroma):
    images, qualities = photographs(72, 72, 16), list(range(15, 95, 5))
    device_images = torch.from_numpy(images).permute(0, 3, 1, 2).cuda()
    quality = torch.tensor(qualities, device="cuda")
    round_trip(device_images, quality, chroma)  # copies the constants
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):  # refuses whatever waits for the device
        found = round_trip(device_images, quality, chroma)
    graph.replay()
    assert np.array_equal(found.permute(0, 2, 3, 1).cpu().numpy(), pillow(images, qualities, chroma))
