import math

import numpy as np
import pytest
import torch
from scipy import ndimage, signal

from degcraft.methods.dasr.networks import AwareConvolution, AwareNet
from degcraft.methods.fssr import networks as fssr
from degcraft.methods.ikc.networks import Corrector, Predictor
from degcraft.methods.kernelgan import networks as kernelgan
from degcraft.methods.pdmsr.networks import KernelModule, smooth_rounding
from tests.networks import SMALL

pytestmark = pytest.mark.usefixtures("torch_seed")

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
