import math

import numpy as np
import pytest
import torch

from degcraft.batches import Maker, Pairs, Patches, Plans, cut
from degcraft.bins import Mixture, Region
from degcraft.degradations import batched, first_order
from degcraft.degradations.sharpening import sharpened_image
from degcraft.errors import DegcraftError
from degcraft.io import ImagePack, write_pack
from degcraft.spaces import Cells
from tests.conftest import photo_like

DEGRADATION = {"kernel_size": 21, "downsampling": "bicubic", "noise": "colour", "chroma": "4:2:0"}
CPU = torch.device("cpu")
ITEMS = range(4)


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    write_pack(folder, [photo_like(seed, 48 + 8 * seed, 64) for seed in range(3)], ["a", "b", "c"], ["a", "b", "c"])
    return ImagePack(folder)


def region(blur=(0, 1), noise=(0, 10), quality=(80, 90)):
    return Mixture([Region(blur, noise, quality)], np.ones(1))


def patches(pack, draw=None, side=32, seeds=(0, 0)):
    return Patches(pack, side, draw or region(), seeds)


def pairs(pack, draw=None, seeds=(0, 0)):
    return Pairs(patches(pack, draw, seeds=seeds), ITEMS, DEGRADATION)


def made(pack, draw, resident, step=0, noise="colour", compiled=False):
    source = patches(pack, draw)
    return Maker(source, {**DEGRADATION, "noise": noise}, CPU, resident, compiled)(
        *Plans(source, ITEMS, DEGRADATION, resident)[step]
    )


def test_batches_hold_matching_pairs(pack):
    lr, hr = pairs(pack, region((0, 0), (0, 0), (100, 100)))[0]
    assert lr.shape == (4, 3, 8, 8)
    assert hr.shape == (4, 3, 32, 32)
    assert lr.dtype == hr.dtype == torch.uint8
    mean = torch.nn.functional.avg_pool2d(hr.float(), 4)
    own, other = ((lr.float() - pair).abs().mean() for pair in (mean, mean.flip(0)))
    assert own < 0.5 * other


def test_crops_do_not_depend_on_the_draw_but_on_seed_and_step(pack):
    light, heavy = pairs(pack), pairs(pack, region((3, 4), (30, 40), (30, 40)))
    assert torch.equal(light[3][1], heavy[3][1])
    assert not torch.equal(light[3][0], heavy[3][0])
    assert not torch.equal(light[3][1], light[4][1])
    assert not torch.equal(light[3][1], pairs(pack, seeds=(0, 1))[3][1])


def test_a_share_of_the_items_is_that_part_of_the_batch(pack):
    whole = pairs(pack)[2]
    odd = Pairs(patches(pack), range(1, 4, 2), DEGRADATION)[2]
    assert all(torch.equal(some, every[1::2]) for some, every in zip(odd, whole, strict=True))


def test_loader_workers_do_not_change_the_images(pack):
    for workers in (1, 2):
        loader = torch.utils.data.DataLoader(pairs(pack), batch_size=None, sampler=range(2, 8), num_workers=workers)
        for step, (lr, hr) in enumerate(loader, start=2):
            expected = pairs(pack)[step]
            assert torch.equal(lr, expected[0])
            assert torch.equal(hr, expected[1])


def test_images_smaller_than_a_patch_are_refused(pack):
    message = r"train.patch: 64, but 2 training images are smaller, first a.*write train.patch: 48"
    with pytest.raises(DegcraftError, match=message):
        patches(pack, side=64)


def test_a_patch_is_turned_and_mirrored_alike_everywhere(pack):
    source = patches(pack)
    seen = set()
    for step in range(20):
        places, _, _ = Plans(source, ITEMS, DEGRADATION, resident=True)[step]
        found = cut(torch.from_numpy(pack.pixels.copy()), places, 32)
        for item in ITEMS:
            patch, _ = source.patch(step, item)
            seen.add((patch.turns, patch.mirrored))
            assert (found[item].permute(1, 2, 0).numpy() == source.pixels(patch)).all()
    assert len(seen) == 8


@pytest.mark.parametrize("resident", [True, False])
def test_plans_make_the_batches_of_the_processor(pack, resident):
    # Without noise the two differ by rounding alone, which a strong compression could magnify.
    draw = region((0, 5), (0, 0), (80, 90))
    for step in range(5):
        (lr, hr), (own_lr, own_hr) = made(pack, draw, resident, step), pairs(pack, draw)[step]
        assert torch.equal(hr, own_hr)
        difference = (lr.float() - own_lr.float()).abs()
        assert difference.mean() < 0.02
        assert (difference > 0).float().mean() < 0.02


def test_uncompressed_images_are_made_too(pack):
    draw = Mixture([Region((0, 2), (0, 0), (math.inf, math.inf))], np.ones(1))
    lr, own = made(pack, draw, True)[0], pairs(pack, draw)[0][0]
    assert (lr.int() - own.int()).abs().max() <= 1


def test_noise_has_the_strength_of_each_image():
    hr, levels = torch.full((6, 3, 256, 256), 128, dtype=torch.uint8), torch.tensor([0.0, 2, 5, 10, 20, 30])
    parameters = torch.stack([torch.ones(6), levels, torch.full((6,), torch.inf)], 1)
    field = torch.randn(6, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    lr = batched.degrade(hr, parameters, field, DEGRADATION).float()
    assert lr.std(dim=(1, 2, 3)).numpy() == pytest.approx((levels**2 + (levels > 0) / 12).sqrt().numpy(), rel=0.03)


def test_noise_is_that_of_the_step_and_of_its_kind(pack):
    noisy = Mixture([Region((0, 0), (20, 20), (math.inf, math.inf))], np.ones(1))
    assert torch.equal(made(pack, noisy, True, step=3)[0], made(pack, noisy, False, step=3)[0])
    assert not torch.equal(made(pack, noisy, True, step=3)[0], made(pack, noisy, True, step=4)[0])
    clean = Mixture([Region((0, 0), (0, 0), (math.inf, math.inf))], np.ones(1))
    for kind, common in (("colour", False), ("grey", True)):
        with_noise, without = (made(pack, draw, True, 3, kind)[0].int() for draw in (noisy, clean))
        inside = torch.stack([with_noise, without]).sub(127.5).abs().lt(127).all(dim=0).all(dim=1)  # not clipped
        noise = (with_noise - without).movedim(1, -1)[inside]
        assert bool((noise.max(dim=1)[0] - noise.min(dim=1)[0] <= 2).all()) is common  # rounding


def test_a_compiled_degradation_gives_the_same_images(pack):
    (own, _), (compiled, _) = (made(pack, region(), True, compiled=way) for way in (False, True))
    difference = (own.float() - compiled.float()).abs()
    assert (difference > 0).float().mean() < 0.02
    assert difference.mean() < 0.02


@pytest.mark.parametrize("downsampling", ["bicubic", "area", "stride"])
def test_blur_is_that_of_one_image_at_a_time(downsampling):
    images = np.stack([photo_like(seed, 64, 64) for seed in range(5)])
    blurs = torch.tensor([[0.0], [0.3], [1], [2.5], [5]])
    found = batched.blur_and_downsample(torch.from_numpy(images).permute(0, 3, 1, 2), blurs, 21, downsampling)
    for image, blur, one in zip(images, blurs[:, 0].tolist(), found, strict=True):
        expected = first_order.blur_and_downsample(image, blur, 21, downsampling)
        assert one.permute(1, 2, 0).numpy() == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(("section", "d"), [("second_order", 30), ("shuffled", 38)])
def test_plans_of_whole_models_make_the_batches_of_the_processor(pack, default_config, section, d):
    source, degradation = patches(pack, Cells.cube(d)), {section: default_config[section]}
    found = [
        Maker(source, degradation, CPU, resident, compiled=False)(*Plans(source, ITEMS, degradation, resident)[1])
        for resident in (True, False)
    ]
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
    own_lr, own_hr = Pairs(source, ITEMS, degradation)[1]
    (lr, hr), _ = found
    assert torch.equal(hr, own_hr)
    small = [torch.nn.functional.avg_pool2d(side.float(), 4).flatten() for side in (lr, own_lr)]  # the noise differs
    assert torch.corrcoef(torch.stack(small))[0, 1] > 0.8


def test_sharpened_patches_are_the_truth_and_what_is_degraded(pack):
    clean = region((0, 0), (0, 0), (math.inf, math.inf))
    plain, sharp = (Patches(pack, 32, clean, (0, 0), sharpen) for sharpen in (False, True))
    (_, hr), (sharp_lr, sharp_hr) = (Pairs(source, ITEMS, DEGRADATION)[0] for source in (plain, sharp))
    for before, after, lr in zip(hr, sharp_hr, sharp_lr, strict=True):
        before, after, lr = (image.permute(1, 2, 0).numpy() for image in (before, after, lr))
        assert (after == sharpened_image(before)).all()
        assert (after != before).mean() > 0.1
        expected = first_order.blur_and_downsample(after, 0, 21, "bicubic").clip(0, 255)
        assert lr == pytest.approx(expected, abs=0.51)
    for resident in (True, False):  # sharpened once, on the device
        made_lr, made_hr = Maker(sharp, DEGRADATION, CPU, resident, False)(
            *Plans(sharp, ITEMS, DEGRADATION, resident)[0]
        )
        assert (made_hr.int() - sharp_hr.int()).abs().max() <= 1
        assert (made_lr.int() - sharp_lr.int()).abs().max() <= 1


def test_patches_too_small_for_sharpening_are_refused(pack):
    with pytest.raises(DegcraftError, match=r"train.patch: 24, .*needs more than 25; write train.patch: 28$"):
        Patches(pack, 24, region(), (0, 0), sharpen=True)
    Patches(pack, 28, region(), (0, 0), sharpen=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("compiled", [False, True])
def test_a_gpu_makes_the_batches_of_the_processor(pack, compiled):
    draw = region((0, 5), (0, 0), (80, 90))
    source = patches(pack, draw)
    make = Maker(source, DEGRADATION, torch.device("cuda"), True, compiled)
    for step in range(3):
        (lr, hr), (own_lr, own_hr) = make(*Plans(source, ITEMS, DEGRADATION, True)[step]), pairs(pack, draw)[step]
        assert torch.equal(hr.cpu(), own_hr)
        assert (lr.cpu().float() - own_lr.float()).abs().mean() < 0.02
