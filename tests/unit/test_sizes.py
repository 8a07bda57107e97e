import copy

import pytest
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from degcraft import sizes
from degcraft.backbones import build

PAPER = {
    "srresnet": {"kind": "srresnet", "width": 64, "blocks": 16},
    "rrdb": {"kind": "rrdb", "width": 64, "blocks": 23, "growth": 32},
    "rcan": {"kind": "rcan", "width": 64, "blocks": 20, "groups": 10, "reduction": 16},
    "edsr": {"kind": "edsr", "width": 64, "blocks": 16},
}
# Peak of two steps on a CPU less that of importing torch, MB: batch, patch, and what was measured.
MEASURED = {"srresnet": (16, 128, 862), "rrdb": (16, 128, 4957), "rcan": (4, 128, 1474)}


@pytest.mark.parametrize("name", PAPER)
def test_multiplications_are_those_of_the_network_or_some_more(name):
    network = build(PAPER[name]).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, 12, 12))
    counted = counter.get_total_flops() / 2 / 12**2
    assert 0.98 * counted < sizes.multiplications(PAPER[name]) < 1.4 * counted


@pytest.mark.parametrize("name", MEASURED)
def test_memory_of_a_training_is_what_was_measured_and_a_third_more(name):
    batch, patch, measured = MEASURED[name]
    assert 1.2 * measured < sizes.training_memory(PAPER[name], batch, patch, False, 0) - sizes.NETWORKS < 1.7 * measured


def test_a_gpu_keeps_activations_and_loaders_take_memory():
    assert sizes.training_memory(PAPER["rrdb"], 16, 128, True, 8) == sizes.NETWORKS + 8 * sizes.LOADER
    assert sizes.training_memory(PAPER["rrdb"], 64, 256, True, 8) == sizes.NETWORKS + 8 * sizes.LOADER


def test_minutes_grow_with_the_work_within_limits():
    asked = [sizes.training_minutes(PAPER["rrdb"], steps, 16, 128, 1, 8) for steps in (10, 10**5, 2 * 10**5, 10**9)]
    assert (asked[0], asked[-1]) == (sizes.SHORTEST, sizes.LONGEST)
    assert asked[2] == pytest.approx(2 * asked[1], rel=0.01)
    assert sizes.training_minutes(PAPER["rrdb"], 2 * 10**5, 16, 128, 2, 8) == pytest.approx(asked[1], rel=0.01)
    assert sizes.restoring_minutes(PAPER["rrdb"], 100, 0, 1) > sizes.restoring_minutes(PAPER["rrdb"], 100, 1, 1)


def test_banks_are_counted_from_the_config(default_config):
    config = copy.deepcopy(default_config)
    assert sizes.bank(config) == 75 * 100
    assert sizes.pixels(config, sizes.bank(config)) == pytest.approx(7500 * 72 * 72 * 3 / 1e6)
    config["prepare"]["bins"]["count"] = 40
    config["bins"]["noise"]["count"] = 10
    assert sizes.bank(config) == 150 * 40
    assert sizes.images(config, "train") == 6 + 120
    assert sizes.images(config, "test") == 3
    averaged = sizes.features(config, 1000)
    config["features"]["pooling"] = "positions"
    assert sizes.features(config, 1000) > 100 * averaged


def test_large_images_are_asked_for_by_their_headers(default_config, tmp_path):
    config = copy.deepcopy(default_config)
    small = sizes.test_memory(config), sizes.evaluation_memory(config, None)
    Image.new("L", (5000, 4000)).save(tmp_path / "large.png")
    (tmp_path / "no-image.png").write_bytes(b"nothing")
    config["prepare"]["test"] = {"images": [str(tmp_path)], "packaged": [], "count": 2}
    assert sizes.largest(config, "test") == 20
    # Measured: 1,830 and 5,721 MB for an image of 20 megapixels (python -m degcraft.benchmarks memory).
    assert 1830 < sizes.test_memory(config) < 4000
    assert 5721 < sizes.evaluation_memory(config, None) < 12000
    assert small < (sizes.test_memory(config), sizes.evaluation_memory(config, None))
    assert sizes.evaluation_memory(config, next(iter(config["applications"]))) < small[1]


def test_crops_are_kept_until_all_are_chosen(default_config):
    config = copy.deepcopy(default_config)
    assert sizes.prepare_memory(config, "train") == sizes.prepare_memory(config, "test") == sizes.DECODED
    config["prepare"]["references"]["count"] = 10_000
    assert sizes.prepare_memory(config, "references") > sizes.DECODED + sizes.pixels(config, 0, 10_000)
