import pytest
import torch

from degcraft.backbones import build

SIZES = [
    ({"kind": "srresnet", "width": 64, "blocks": 16}, 1_517_571),
    ({"kind": "rrdb", "width": 64, "blocks": 23, "growth": 32}, 16_697_987),
]


@pytest.mark.parametrize(("options", "parameters"), SIZES)
def test_the_papers_sizes(options, parameters):
    assert sum(weight.numel() for weight in build(options).parameters()) == parameters


@pytest.mark.parametrize(
    "options", [{"kind": "srresnet", "width": 8, "blocks": 2}, {"kind": "rrdb", "width": 8, "blocks": 1, "growth": 4}]
)
def test_x4_and_every_parameter_learns(options):
    torch.manual_seed(0)
    network = build(options)
    sr = network(torch.rand(2, 3, 10, 14))
    assert sr.shape == (2, 3, 40, 56)
    sr.square().sum().backward()
    silent = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert silent == []


def test_a_fresh_srresnet_is_near_the_bilinear_upscaling():
    torch.manual_seed(0)
    lr = torch.rand(1, 3, 12, 12)
    bilinear = torch.nn.functional.interpolate(lr, scale_factor=4, mode="bilinear", align_corners=False)
    assert (build({"kind": "srresnet", "width": 16, "blocks": 4})(lr) - bilinear).abs().max() < 0.02


def test_layer_names_are_those_other_programs_read():
    keys = set(build({"kind": "rrdb", "width": 8, "blocks": 2, "growth": 4}).state_dict())
    assert {
        "conv_first.weight",
        "body.1.rdb3.conv5.bias",
        "conv_body.weight",
        "conv_up2.weight",
        "conv_last.bias",
    } <= keys
    keys = set(build({"kind": "srresnet", "width": 8, "blocks": 2}).state_dict())
    assert {"conv_first.weight", "body.1.conv2.bias", "upconv1.weight", "conv_hr.weight", "conv_last.bias"} <= keys
