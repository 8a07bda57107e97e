import pytest
import torch

from degcraft.backbones import build
from degcraft.backbones.centring import MEAN
from tests.networks import SMALL

pytestmark = pytest.mark.usefixtures("torch_seed")

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
