import math

import numpy as np
import pytest
import torch
from scipy import ndimage, signal

from degcraft.backbones import build
from degcraft.backbones.centring import MEAN
from degcraft.errors import DegcraftError
from degcraft.methods.dasr.networks import DASR, AwareConvolution, AwareNet
from degcraft.methods.discriminators import CropDiscriminator, PatchDiscriminator
from degcraft.methods.fssr import networks as fssr
from degcraft.methods.ikc.networks import SFTMD, Corrector, Predictor
from degcraft.methods.kernelgan import networks as kernelgan
from degcraft.methods.pdmsr.networks import KernelModule, NoiseModule, smooth_rounding
from degcraft.methods.usrda.networks import USRDA, Encoder, TargetDecoder

RCAN = {"kind": "rcan", "width": 64, "groups": 10, "blocks": 20, "reduction": 16}
EDSR = {"kind": "edsr", "width": 64, "blocks": 16}
SRRESNET = {"kind": "srresnet", "width": 64, "blocks": 16}
RRDB = {"kind": "rrdb", "width": 64, "blocks": 23, "growth": 32}

# Published, or counted from the published layers: a convolution has inputs x outputs x size^2 weights and its biases.
SIZES = {
    "RCAN": (lambda: build(RCAN), 15_592_355),
    "EDSR": (lambda: build(EDSR), 1_517_571),
    "SRResNet with dropout": (lambda: build(SRRESNET | {"dropout": 0.7}), 1_517_571),
    "RRDB with dropout": (lambda: build(RRDB | {"dropout": 0.5}), 16_697_987),
    "SFTMD": (SFTMD, 4_234_691),
    "Predictor": (Predictor, 430_730),
    "Corrector": (Corrector, 649_930),
    "DASR, SR network": (AwareNet, 4_690_499),
    "DASR, whole": (DASR, 4_690_499 + 1_147_200),
    "DSGAN, generator": (fssr.Generator, 594_380),
    "DSGAN, discriminator": (fssr.Discriminator, 1_030_273),
    "KernelGAN, generator": (kernelgan.Generator, 150_656),
    "KernelGAN, discriminator": (kernelgan.Discriminator, 30_977),
    "ZSSR": (kernelgan.ZSSR, 224_640),
    "PDM-SR, kernels": (KernelModule, 168_121),
    "PDM-SR, noise": (NoiseModule, 1_187_587),
    "PDM-SR, noise of 2020 Track 1": (lambda: NoiseModule(blocks=8), 595_715),
    "PDM-SR, discriminator": (PatchDiscriminator, 1_792 + 73_856 + 295_168 + 1_180_160 + 294_976),
    "USR-DA, encoder": (Encoder, 1_792 + 4 * 36_928),
    "USR-DA, whole": (USRDA, 149_504 + 16_697_987 - 1_792 + 36_928),
    "USR-DA, target decoder": (TargetDecoder, 10 * 719_424 + 3 * 36_928 + 1_731),
    "ESRGAN, discriminator": (lambda: CropDiscriminator(128), 14_499_401),
}

SMALL = {
    "RCAN": lambda: build({"kind": "rcan", "width": 8, "groups": 2, "blocks": 1, "reduction": 4}),
    "EDSR": lambda: build({"kind": "edsr", "width": 8, "blocks": 2}),
    "SRResNet with dropout": lambda: build({"kind": "srresnet", "width": 8, "blocks": 1, "dropout": 0.7}),
    "RRDB with dropout": lambda: build({"kind": "rrdb", "width": 8, "blocks": 1, "growth": 4, "dropout": 0.5}),
    "SFTMD": lambda: SFTMD(8, 2, 4),
    "Predictor": lambda: Predictor(8, 4),
    "Corrector": lambda: Corrector(8, 4),
    "DASR, SR network": lambda: AwareNet(8, 2, 1, 4, code=16),
    "DASR": lambda: DASR(8, 1, 1, 4),
    "DSGAN, generator": lambda: fssr.Generator(8, 2),
    "DSGAN, discriminator": lambda: fssr.Discriminator(4),
    "KernelGAN, generator": lambda: kernelgan.Generator(8, (5, 3, 1)),
    "KernelGAN, discriminator": lambda: kernelgan.Discriminator(8, 5, 2),
    "ZSSR": lambda: kernelgan.ZSSR(8, 3),
    "PDM-SR, kernels": lambda: KernelModule(4, 8, 1, 7),
    "PDM-SR, noise": lambda: NoiseModule(2, 8, 1),
    "PDM-SR, discriminator": lambda: PatchDiscriminator(width=4, layers=2, outputs=4),
    "USR-DA": lambda: USRDA(8, 3, 1, 4),
    "USR-DA, target decoder": lambda: TargetDecoder(8, 1, 4),
    "crop discriminator": lambda: CropDiscriminator(16, width=4, stages=3, hidden=5),
}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("name", SIZES)
def test_parameters_at_the_papers_sizes(name):
    make, parameters = SIZES[name]
    assert sum(weight.numel() for weight in make().parameters()) == parameters


@pytest.mark.parametrize("name", SMALL)
def test_a_seed_decides_every_weight(name):
    first = SMALL[name]().state_dict()
    torch.manual_seed(0)
    second = SMALL[name]().state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


# What each small network takes, and the shape that comes out.
PASSES = {
    "RCAN": ([(2, 3, 10, 14)], (2, 3, 40, 56)),
    "EDSR": ([(2, 3, 10, 14)], (2, 3, 40, 56)),
    "SRResNet with dropout": ([(2, 3, 10, 14)], (2, 3, 40, 56)),
    "RRDB with dropout": ([(2, 3, 10, 14)], (2, 3, 40, 56)),
    "SFTMD": ([(2, 3, 10, 14), (2, 4)], (2, 3, 40, 56)),
    "Predictor": ([(2, 3, 10, 14)], (2, 4)),
    "Corrector": ([(2, 3, 40, 56), (2, 4)], (2, 4)),
    "DASR, SR network": ([(2, 3, 10, 14), (2, 16)], (2, 3, 40, 56)),
    "DASR": ([(2, 3, 10, 14)], (2, 3, 40, 56)),
    "DSGAN, generator": ([(2, 3, 10, 14)], (2, 3, 10, 14)),
    "DSGAN, discriminator": ([(2, 3, 10, 14)], (2, 1, 10, 14)),
    "KernelGAN, generator": ([(2, 3, 24, 30)], (2, 3, 9, 12)),
    "KernelGAN, discriminator": ([(2, 3, 9, 12)], (2, 1, 5, 8)),
    "ZSSR": ([(2, 3, 10, 14)], (2, 3, 10, 14)),
    "PDM-SR, discriminator": ([(2, 3, 10, 14)], (2, 4, 10, 14)),
    "USR-DA": ([(2, 3, 10, 14)], (2, 3, 40, 56)),
    "USR-DA, target decoder": ([(2, 8, 10, 14)], (2, 3, 10, 14)),
    "crop discriminator": ([(2, 3, 16, 16)], (2, 1)),
}


@pytest.mark.parametrize("name", PASSES)
def test_shapes_and_every_parameter_learns(name):
    inputs, shape = PASSES[name]
    network = SMALL[name]()
    if name == "SFTMD":
        network.exit[-1].bias.data.fill_(0.5)  # inside the clamp
    if "dropout" in name:
        network.dropout.p = 0.0
    result = network(*(torch.rand(size) for size in inputs))
    assert result.shape == shape
    result.square().sum().backward()
    silent = {key for key, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()}
    # Normalisation takes away what a bias before it adds.
    assert {key for key in silent if not key.endswith("bias")} == set()


@pytest.mark.parametrize("name", ["RCAN", "EDSR", "SFTMD", "Predictor", "DASR, SR network", "ZSSR"])
def test_images_of_a_batch_do_not_see_one_another(name):
    inputs, _ = PASSES[name]
    network = SMALL[name]().eval()
    given = [torch.rand(size) for size in inputs]
    torch.testing.assert_close(network(*given)[1:], network(*(value[1:] for value in given)), rtol=1e-4, atol=1e-5)


# RCAN and EDSR: colours.


@pytest.mark.parametrize("kind", ["RCAN", "EDSR", "DASR, SR network"])
def test_colours_are_centred_in_the_range_of_255(kind):
    network = SMALL[kind]()
    network.head[0].weight.data.zero_()
    network.head[0].weight.data[0, 2, 1, 1] = 1  # blue alone
    network.head[0].bias.data.zero_()
    maps = network.enter(
        torch.tensor(MEAN).view(1, 3, 1, 1).expand(1, 3, 5, 5) + torch.tensor([0, 0, 0.1]).view(3, 1, 1)
    )
    torch.testing.assert_close(maps[:, 0], torch.full((1, 5, 5), 25.5), rtol=0, atol=1e-4)
    network.tail[1].weight.data.zero_()
    network.tail[1].bias.data.copy_(torch.tensor([0.0, 51.0, 0.0]))
    sr = network.leave(maps)
    assert sr.shape == (1, 3, 20, 20)
    assert sr[0, :, 7, 3].tolist() == pytest.approx([MEAN[0], MEAN[1] + 0.2, MEAN[2]], abs=1e-6)


def test_channel_attention_weighs_channels_by_the_means_of_the_image():
    network = SMALL["RCAN"]()
    attention = network.body[0].body[0].body[3]
    x = torch.rand(2, 8, 6, 6)
    down, up = attention.conv_du[0], attention.conv_du[2]
    hidden = (x.mean((2, 3)) @ down.weight[:, :, 0, 0].T + down.bias).clamp(min=0)
    factors = torch.sigmoid(hidden @ up.weight[:, :, 0, 0].T + up.bias)
    torch.testing.assert_close(attention(x), x * factors[:, :, None, None])


def test_layer_names_are_those_of_public_files():
    keys = set(SMALL["RCAN"]().state_dict())
    public = {"sub_mean.weight", "add_mean.bias", "head.0.weight", "body.1.body.0.body.3.conv_du.2.bias"}
    assert public | {"body.1.body.1.weight", "body.2.bias", "tail.0.2.weight", "tail.1.bias"} <= keys
    keys = set(SMALL["EDSR"]().state_dict())
    assert {"sub_mean.bias", "head.0.bias", "body.1.body.2.weight", "body.2.weight", "tail.0.0.weight"} <= keys
    keys = set(SMALL["DASR, SR network"]().state_dict())
    block = {"da_conv1.kernel.2.weight", "da_conv2.conv.bias", "da_conv1.ca.conv_du.2.weight", "conv2.weight"}
    assert {f"body.1.body.0.{name}" for name in block} | {"compress.0.weight", "body.1.body.1.bias"} <= keys


# Dropout before the last convolution.


@pytest.mark.parametrize("options", [{"kind": "srresnet", "blocks": 1}, {"kind": "rrdb", "blocks": 1, "growth": 4}])
def test_dropout_adds_no_weights_and_is_off_at_test(options):
    plain = build({**options, "width": 8}).eval()
    network = build({**options, "width": 8, "dropout": 0.7})
    network.load_state_dict(plain.state_dict())
    lr = torch.rand(1, 3, 8, 8)
    assert not torch.equal(network.train()(lr), plain(lr))
    assert torch.equal(network.eval()(lr), plain(lr))
    torch.manual_seed(1)
    before = torch.get_rng_state()
    assert torch.equal(plain.train()(lr), plain.eval()(lr))
    assert torch.equal(torch.get_rng_state(), before)  # without dropout nothing is drawn


@pytest.mark.parametrize(("kind", "share"), [("srresnet", 0.7), ("rrdb", 0.5)])
def test_dropout_leaves_out_whole_channels_before_the_last_convolution(kind, share):
    network = build({"kind": kind, "width": 64, "blocks": 1, "growth": 4, "dropout": share}).train()
    seen = []
    network.dropout.register_forward_hook(lambda _, given, result: seen.append((given[0], result)))
    network.conv_last.register_forward_pre_hook(lambda _, given: seen.append(given))
    network(torch.rand(20, 3, 4, 4))
    (whole, kept), (last,) = seen
    assert last is kept
    dropped = (kept == 0).all(dim=(2, 3))  # (n, channels)
    assert float(dropped.float().mean()) == pytest.approx(share, abs=0.05)  # 1280 channels: 3.6 standard deviations
    torch.testing.assert_close(kept[~dropped], whole[~dropped] / (1 - share))


# IKC.


def test_sftmd_depends_on_the_code_and_stays_in_range():
    network = SMALL["SFTMD"]()
    network.exit[-1].bias.data.fill_(0.5)
    lr = torch.rand(1, 3, 8, 8).expand(2, 3, 8, 8)
    sr = network(lr, torch.tensor([[0.0, 0, 0, 0], [5.0, -5, 5, -5]]))
    assert (sr[0] - sr[1]).abs().max() > 1e-3
    network.exit[-1].bias.data.copy_(torch.tensor([-9.0, 0.5, 9.0]))
    sr = network(lr, torch.zeros(2, 4))
    assert (sr[:, 0] == 0).all()
    assert (sr[:, 2] == 1).all()


def test_modulation_scales_and_shifts():
    modulation = SMALL["SFTMD"]().modulation
    for branch, bias in ((modulation.scale[2], math.log(3)), (modulation.shift[2], 0.25)):
        branch.weight.data.zero_()
        branch.bias.data.fill_(bias)
    maps = torch.randn(1, 8, 5, 5)
    torch.testing.assert_close(modulation(maps, torch.zeros(1, 4)), 0.75 * maps + 0.25)  # sigmoid(log 3) = 3 / 4


@pytest.mark.parametrize("size", [(64, 64), (37, 50)])
def test_ikc_at_the_papers_widths(size):
    code = Predictor()(torch.rand(1, 3, *size))
    assert code.shape == (1, 10)
    assert Corrector()(torch.rand(1, 3, 4 * size[0], 4 * size[1]), code).shape == (1, 10)


def test_the_corrector_sees_image_and_code():
    corrector = SMALL["Corrector"]().double()  # fresh, it hardly sees the image
    sr, code = torch.rand(1, 3, 32, 32, dtype=torch.float64), torch.zeros(1, 4, dtype=torch.float64)
    change = corrector(sr, code)
    assert (corrector(1 - sr, code) - change).abs().max() > 1e-7
    assert (corrector(sr, code + 1) - change).abs().max() > 1e-5


# DASR.


def test_a_degradation_aware_convolution_filters_each_image_with_kernels_of_its_code():
    layer = AwareConvolution(4, 2).double()
    maps, codes = torch.randn(3, 4, 7, 6, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    kernels = layer.kernel(codes).view(3, 4, 3, 3).detach().numpy()
    filtered = np.empty((3, 4, 7, 6))
    for image, channel in np.ndindex(3, 4):
        filtered[image, channel] = ndimage.correlate(
            maps[image, channel].numpy(), kernels[image, channel], mode="constant"
        )
    filtered = np.where(filtered > 0, filtered, 0.1 * filtered)
    mixed = np.einsum("oc,nchw->nohw", layer.conv.weight.detach().numpy()[:, :, 0, 0], filtered)
    mixed += layer.conv.bias.detach().numpy()[:, None, None]
    first, second = (layer.ca.conv_du[place].weight.detach()[:, :, 0, 0] for place in (0, 2))
    factors = torch.sigmoid(torch.nn.functional.leaky_relu(codes @ first.T, 0.1) @ second.T)
    expected = mixed + (maps * factors[:, :, None, None]).numpy()
    np.testing.assert_allclose(layer(maps, codes).detach().numpy(), expected, rtol=0, atol=1e-12)


def test_dasr_depends_on_the_code_and_finds_it_in_the_image():
    network = AwareNet(8, 1, 1, 4, code=16)
    lr = torch.rand(1, 3, 8, 8)
    assert (network(lr, torch.zeros(1, 16)) - network(lr, torch.ones(1, 16))).abs().max() > 1e-4
    whole = SMALL["DASR"]().eval()
    codes = whole.codes(lr)
    assert codes.shape == (1, 256)
    torch.testing.assert_close(codes, whole.encoder(lr * 255)[:, :, 0, 0])
    assert torch.equal(whole(lr), whole.sr(lr, codes))


# FSSR.


def test_the_low_pass_is_the_mean_of_the_window_inside_the_image():
    x = torch.rand(1, 2, 12, 9, dtype=torch.float64)
    inside = ndimage.uniform_filter(np.ones((12, 9)), 5, mode="constant")
    expected = np.stack([ndimage.uniform_filter(channel, 5, mode="constant") / inside for channel in x[0].numpy()])
    np.testing.assert_allclose(fssr.low_pass(x)[0], expected, rtol=0, atol=1e-12)
    cut = fssr.low_pass(x, 5, padded=False)
    assert cut.shape == (1, 2, 8, 5)
    np.testing.assert_allclose(cut[0], expected[:, 2:-2, 2:-2], rtol=0, atol=1e-12)
    torch.testing.assert_close(fssr.high_pass(x, 5), 0.5 + 0.5 * (x - torch.from_numpy(expected)))


def test_the_discriminator_sees_high_frequencies_alone():
    network, x = SMALL["DSGAN, discriminator"]().eval(), torch.rand(1, 3, 12, 12)
    tinted = x + torch.tensor([0.3, -0.2, 0.1]).view(3, 1, 1)
    torch.testing.assert_close(network(tinted), network(x), rtol=0, atol=1e-5)
    assert (network(x + 0.1 * torch.randn_like(x)) - network(x)).abs().max() > 1e-4


def test_the_generator_stays_in_range():
    network = SMALL["DSGAN, generator"]()
    network.layers[-1].weight.data *= 10
    made = network(torch.rand(1, 3, 16, 16))
    assert 0 < made.min() < 0.4
    assert 0.6 < made.max() < 1


# USR-DA.


def test_the_features_have_either_sign_and_the_decoders_share_them():
    restorer, target = SMALL["USR-DA"](), SMALL["USR-DA, target decoder"]()
    lr = torch.rand(1, 3, 12, 12)
    features = restorer.encoder(lr)
    assert features.shape == (1, 8, 12, 12)
    assert features.min() < 0 < features.max()
    assert torch.equal(restorer(lr), restorer.decoder(features))
    assert target(features).shape == lr.shape


# PDM-SR.


@pytest.mark.parametrize(("size", "centre"), [(21, 0.006), (11, 0.022)])
def test_a_fresh_kernel_module_is_almost_flat(size, centre):
    kernels = KernelModule(size=size).kernels(torch.randn(4, 64)).detach()
    assert kernels.shape == (4, size, size)
    assert kernels.sum(dim=(1, 2)).tolist() == pytest.approx([1] * 4, abs=1e-5)
    middle = float(kernels[0, size // 2, size // 2])
    assert middle == pytest.approx(math.e / (math.e + size**2 - 1), rel=1e-5)
    assert middle == pytest.approx(centre, abs=5e-4)
    others = kernels.flatten(1)[:, torch.arange(size**2) != size**2 // 2]
    assert float(others.std()) < 1e-8


def test_kernels_of_a_trained_module_blur_each_image():
    module = SMALL["PDM-SR, kernels"]()
    module.layers[-1].weight.data.normal_()
    x = torch.rand(3, 3, 16, 24)
    images, kernels = module(x, torch.randn(3, 4))
    assert images.shape == (3, 3, 4, 6)
    assert kernels.sum(dim=(1, 2)).tolist() == pytest.approx([1] * 3, abs=1e-5)
    assert (kernels[0] - kernels[1]).abs().max() > 1e-3
    for image, channel in np.ndindex(3, 3):
        blurred = ndimage.correlate(x[image, channel].numpy(), kernels[image].detach().numpy(), mode="mirror")
        np.testing.assert_allclose(images[image, channel].detach(), blurred[::4, ::4], rtol=0, atol=1e-5)
    images.square().sum().backward()
    assert all(weight.grad.any() for name, weight in module.named_parameters() if not name.endswith("bias"))


def test_a_fresh_noise_module_is_silent():
    module = SMALL["PDM-SR, noise"]()
    lr, z = torch.rand(2, 3, 8, 10, requires_grad=True), torch.randn(2, 2, 8, 10)
    noise = module(lr, z)
    assert noise.shape == (2, 3, 8, 10)
    assert not noise.any()
    module.layers[-1].weight.data.normal_()
    noise = module(lr, z)
    assert (noise - module(lr, -z)).abs().max() > 1e-2
    noise.square().sum().backward()
    assert lr.grad is None


def test_smooth_rounding_comes_near_to_rounding():
    whole = torch.arange(256, dtype=torch.float64) / 255
    torch.testing.assert_close(smooth_rounding(whole), whole, rtol=0, atol=1e-12)
    x = torch.linspace(0.1, 0.11, 1001, dtype=torch.float64)
    rounded = (x * 255).round() / 255

    def error(images):
        return float((images - rounded).abs().mean())

    assert error(smooth_rounding(x)) < 0.4 * error(x)
    assert error(smooth_rounding(x, 200)) < 0.03 * error(x)


# KernelGAN and ZSSR.


def test_kernelgans_generator_is_a_kernel():
    network = kernelgan.Generator().double()
    kernel = network.kernel()
    assert kernel.shape == (13, 13)
    x = torch.rand(1, 3, 64, 64, dtype=torch.float64)
    small = network(x)
    assert small.shape == (1, 3, 26, 26)
    for colour in range(3):
        whole = signal.correlate2d(x[0, colour].numpy(), kernel.detach().numpy(), mode="valid")
        np.testing.assert_allclose(small[0, colour].detach(), whole[::2, ::2], rtol=0, atol=1e-12 * abs(whole).max())
    point = torch.zeros(1, 1, 25, 25, dtype=torch.float64)
    point[..., 12, 12] = 1
    answer = network(point)[0, 0].detach()  # every second tap, upside down
    torch.testing.assert_close(answer, kernel.detach().flip(0, 1)[::2, ::2])


def test_kernelgans_generator_is_linear():
    network = SMALL["KernelGAN, generator"]().double()
    a, b = torch.rand(2, 1, 3, 20, 20, dtype=torch.float64)
    torch.testing.assert_close(network(2 * a - 3 * b), 2 * network(a) - 3 * network(b))
    assert network.kernel().shape == (7, 7)


def test_kernelgans_kernel_lets_gradients_pass():
    network = SMALL["KernelGAN, generator"]()
    (1 - network.kernel().sum()).abs().backward()
    assert all(weight.grad.any() for weight in network.parameters())


def test_kernelgans_discriminator_has_weights_of_norm_one():
    network = kernelgan.Discriminator()
    with torch.no_grad():
        for _ in range(100):  # each pass is a step of the power iteration
            scores = network(torch.rand(1, 3, 26, 26))
    assert scores.shape == (1, 1, 20, 20)
    assert 0 < scores.min() <= scores.max() < 1
    layers = [layer for layer in network.layers if isinstance(layer, torch.nn.Conv2d)]
    norms = [float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) for layer in layers]
    assert norms == pytest.approx([1] * 7, abs=0.02)


@pytest.mark.parametrize("network", [kernelgan.Generator, kernelgan.Discriminator])
def test_kernelgans_weights_start_small(network):
    for name, weight in network().named_parameters():
        if weight.dim() == 4 and min(weight.shape[:2]) > 1:
            inside = weight[0, 0].numel()
            spread = 0.1 * math.sqrt(2 / (inside * (weight.shape[0] + weight.shape[1])))
            assert float(weight.detach().std()) == pytest.approx(spread, rel=0.05), name
        elif name.endswith("bias"):
            assert not weight.any()


def test_zssr_starts_near_the_upscaling_and_adds_to_it():
    network = kernelgan.ZSSR()
    weights = [layer.weight.detach() for layer in network.layers if isinstance(layer, torch.nn.Conv2d)]
    assert len(weights) == 8
    for weight in weights:
        assert float(weight.std()) == pytest.approx(math.sqrt(0.1 / weight[0].numel()), rel=0.06)
    x = torch.rand(1, 3, 20, 20)
    assert (network(x) - x).abs().max() < 0.01
    network.layers[-1].weight.data.zero_()
    assert torch.equal(network(x), x)


# Discriminators.


@pytest.mark.parametrize(("stride", "side"), [(1, 32), (2, 8)])
def test_map_of_the_patch_discriminator(stride, side):
    network = PatchDiscriminator(stride=stride)
    assert network(torch.rand(1, 3, 32, 32)).shape == (1, 64, side, side)
    assert not [name for name, layer in network.named_modules() if getattr(layer, "affine", False)]


def test_patches_of_the_discriminator():
    network = PatchDiscriminator(width=2, layers=2, outputs=1)
    for place, layer in enumerate(network.layers):
        if isinstance(layer, torch.nn.InstanceNorm2d):
            network.layers[place] = torch.nn.Identity()  # it sees the whole image
    x = torch.rand(1, 3, 21, 21, requires_grad=True)
    network(x)[0, 0, 10, 10].backward()
    seen = x.grad.abs().sum(dim=(0, 1)).nonzero()
    assert seen.min(dim=0).values.tolist() == [6, 6]  # four convolutions reach one pixel further each
    assert seen.max(dim=0).values.tolist() == [14, 14]


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ({"side": 128}, (2, 3, 128, 128)),
        ({"side": 64, "kernel": 3}, (2, 3, 64, 64)),
        ({"side": 64, "inputs": 64, "kernel": 3}, (2, 64, 64, 64)),
        ({"side": 16, "width": 4, "stages": 4}, (2, 3, 16, 16)),
    ],
)
def test_one_score_for_a_crop(sizes, shape):
    network = CropDiscriminator(**sizes).eval()
    with torch.no_grad():
        features = network.features(torch.rand(shape))
        assert features.shape[2:] == (sizes["side"] // 2 ** sizes.get("stages", 5),) * 2
        assert network(torch.rand(shape)).shape == (2, 1)


def test_crops_that_cannot_be_halved():
    with pytest.raises(DegcraftError, match="crops of 72 pixels; a multiple of 32 is needed for 5 stages"):
        CropDiscriminator(72)
