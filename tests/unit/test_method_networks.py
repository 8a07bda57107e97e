import pytest
import torch

from degcraft.backbones import build
from degcraft.errors import DegcraftError
from degcraft.methods.dasr.networks import DASR, AwareNet
from degcraft.methods.discriminators import CropDiscriminator, PatchDiscriminator
from degcraft.methods.fssr import networks as fssr
from degcraft.methods.ikc.networks import SFTMD, Corrector, Predictor
from degcraft.methods.kernelgan import networks as kernelgan
from degcraft.methods.pdmsr.networks import KernelModule, NoiseModule
from degcraft.methods.usrda.networks import USRDA, Encoder, TargetDecoder
from tests.networks import SMALL

pytestmark = pytest.mark.usefixtures("torch_seed")

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
