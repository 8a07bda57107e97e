import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision import models

from degcraft.checkpoints import load_weights
from degcraft.errors import DegcraftError
from degcraft.perceptual import SMALLEST, build_lpips, lpips_distance
from degcraft.streams import stream

BACKBONES = {"alex": models.alexnet, "squeeze": models.squeezenet1_1, "vgg": models.vgg16}


def features_of(net, seed=0):
    """Random weights of a backbone's convolutional part, without its large classifier."""
    with torch.device("meta"):
        shapes = BACKBONES[net](weights=None).features.state_dict()
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(value.shape, generator=generator) * (2 / max(1, value[0].numel())) ** 0.5
        for name, value in shapes.items()
    }


def saved(tmp_path, tensors, name="weights.safetensors"):
    save_file(tensors, tmp_path / name)
    return load_weights(tmp_path / name)


def pair(height=64, width=80):
    rng = stream(0, "test", "perceptual")
    return [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(2)]


@pytest.fixture
def squeeze(shared_data):
    return build_lpips("squeeze", load_weights(shared_data / "weights" / "squeezenet1_1_features.safetensors"))


def test_published_values(squeeze):
    torch.manual_seed(42)
    first, second = (torch.rand(2, 3, 100, 100) * 2 - 1 for _ in range(2))
    with torch.no_grad():
        found = squeeze(first, second).flatten().tolist()
    assert found == pytest.approx([0.1024, 0.0938], abs=5e-5)


def test_linear_heads_are_the_published_ones(shared_data, tmp_path):
    published = load_file(shared_data / "weights" / "lpips_v0.1_linear.safetensors")
    for net in SMALLEST:
        heads = build_lpips(net, saved(tmp_path, features_of(net))).state_dict()
        for name, value in published.items():
            if name.startswith(f"{net}."):
                assert torch.equal(heads[name.removeprefix(f"{net}.")], value)


def test_eight_bit_pair_matches_the_network_on_minus_one_to_one(squeeze):
    first, second = pair()
    tensors = [torch.from_numpy(image).permute(2, 0, 1)[None] / 255 * 2 - 1 for image in (first, second)]
    with torch.no_grad():
        expected = float(squeeze(*tensors))
    assert lpips_distance(squeeze, first, second) == pytest.approx(expected, rel=1e-5)
    assert lpips_distance(squeeze, first, first) == 0


def test_more_noise_is_farther(squeeze):
    truth = np.full((64, 64, 3), 128, np.uint8)
    truth[16:48, 16:48] = (200, 90, 40)
    noise = stream(0, "test", "lpips").normal(0, 1, truth.shape)
    near, far = (np.clip(truth + spread * noise, 0, 255).astype(np.uint8) for spread in (5, 40))
    assert 0 < lpips_distance(squeeze, near, truth) < lpips_distance(squeeze, far, truth)


@pytest.mark.parametrize("net", SMALLEST)
def test_backbone_is_torchvisions(net, tmp_path):
    weights = features_of(net)
    network = build_lpips(net, saved(tmp_path, weights))
    with torch.device("meta"):
        features = BACKBONES[net](weights=None).features
    features.load_state_dict(weights, assign=True)
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    last = {"alex": 12, "squeeze": 13, "vgg": 30}[net]
    with torch.no_grad():
        expected = features[:last](image)
        assert torch.allclose(network.net(image)[-1], expected, rtol=1e-4, atol=1e-5)
    assert not network.training


def test_full_state_dict_and_relative_names_give_the_same(tmp_path):
    weights = features_of("alex")
    full = {f"features.{name}": value for name, value in weights.items()}
    torch.save({**full, "classifier.6.bias": torch.zeros(1000)}, tmp_path / "alexnet.pth")
    networks = [
        build_lpips("alex", load_weights(tmp_path / "alexnet.pth")),
        build_lpips("alex", saved(tmp_path, weights)),
    ]
    first, second = (lpips_distance(network, *pair()) for network in networks)
    assert first == second > 0


def test_half_precision_is_widened(tmp_path):
    weights = {name: value.half() for name, value in features_of("squeeze").items()}
    network = build_lpips("squeeze", saved(tmp_path, weights))
    assert {value.dtype for value in network.state_dict().values()} == {torch.float32}


def test_weights_of_another_net_are_refused(tmp_path):
    with pytest.raises(DegcraftError, match=r"0\.weight is \(64, 3, 3, 3\), \(64, 3, 11, 11\) is needed"):
        build_lpips("alex", saved(tmp_path, features_of("squeeze")))


def test_missing_weights_are_named(tmp_path):
    weights = features_of("alex")
    del weights["10.bias"]
    with pytest.raises(DegcraftError, match=r"10\.bias is absent"):
        build_lpips("alex", saved(tmp_path, weights))


@pytest.mark.parametrize("net", SMALLEST)
def test_smallest_image(net, tmp_path):
    network = build_lpips(net, saved(tmp_path, features_of(net)))
    side = SMALLEST[net]
    assert np.isfinite(lpips_distance(network, *pair(side, side)))
    with pytest.raises(DegcraftError, match=f"at least {side}"):
        lpips_distance(network, *pair(side - 1, 64))


def test_unequal_sizes_are_refused(squeeze):
    first, second = pair()
    with pytest.raises(DegcraftError, match="one size is needed"):
        lpips_distance(squeeze, first, second[:, 1:])
