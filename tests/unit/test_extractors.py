import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import save_file

from degcraft.checkpoints import load_weights
from degcraft.errors import DegcraftError
from degcraft.extractors import build, extract
from degcraft.extractors.convolutional import IMAGENET, Convention
from degcraft.extractors.dasr import encoder

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
RANDOM = {
    "alexnet": {"kind": "alexnet", "weights": "random", "seed": 3},
    "vgg22": {"kind": "vgg", "layer": [2, 2], "weights": "random", "seed": 3},
    "vgg54": {"kind": "vgg", "layer": [5, 4], "weights": "random", "seed": 3},
    "dasr": {"kind": "dasr", "weights": "random", "seed": 3},
}
COUNTS = {"alexnet": 256, "vgg22": 128, "vgg54": 512, "dasr": 256}


@functools.cache
def random(name):
    return build(RANDOM[name], None, CPU)


def images(n=5, side=72, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def saved(path, tensors, metadata=None):
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata=metadata)
    return load_weights(path)


def state(network, prefix=""):
    return {prefix + name: tensor.clone() for name, tensor in network.state_dict().items()}


def oxford_state():
    network, names = torchvision.models.vgg19().features, {}
    numbers = [f"conv{block}_{j}" for block, count in enumerate((2, 2, 4, 4, 4), start=1) for j in range(1, count + 1)]
    layers = [layer for layer in network if isinstance(layer, torch.nn.Conv2d)]
    for number, layer in zip(numbers, layers, strict=True):
        names |= {f"{number}.weight": layer.weight.detach(), f"{number}.bias": layer.bias.detach()}
    return names, network


@pytest.mark.parametrize("name", RANDOM)
def test_number_of_features(name):
    found = extract(random(name), images(), 2, "average")
    assert found.shape == (5, COUNTS[name])
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert found.std(axis=0).max() > 0


@pytest.mark.parametrize("name", RANDOM)
def test_batches_do_not_matter(name):
    extractor = random(name)
    one, all_ = (extract(extractor, images(), batch, "average") for batch in (1, 5))
    np.testing.assert_allclose(one, all_, rtol=1e-4, atol=1e-5 * np.abs(all_).max())


@pytest.mark.parametrize("name", ["alexnet", "vgg22", "dasr"])
def test_seeds_repeat_and_differ_and_leave_the_global_stream_alone(name):
    torch.default_generator.manual_seed(11)
    before = torch.get_rng_state()
    first, again = random(name)(images(2)), build(RANDOM[name], None, CPU)(images(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert (first == again).all()
    assert not np.allclose(first, build(RANDOM[name] | {"seed": 4}, None, CPU)(images(2)))


def test_random_alexnet_is_torchvisions_to_the_bit():
    torch.manual_seed(3)
    theirs = torchvision.models.alexnet().features.state_dict()
    ours = random("alexnet").network.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_random_vgg_is_torchvisions_to_the_bit():
    torch.manual_seed(3)
    theirs = torchvision.models.vgg19().features.state_dict()
    ours = random("vgg54").network.state_dict()
    assert len(ours) == 32
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def torchvision_input(batch):
    means, spreads = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return ((torch.tensor(batch) / 255 - means) / spreads).permute(0, 3, 1, 2)


@pytest.mark.parametrize("prefix", ["features.", ""])
def test_torchvision_alexnet_file(tmp_path, prefix):
    network = torchvision.models.alexnet().eval()
    weights = saved(tmp_path / "net.safetensors", state(network) if prefix else state(network.features))
    found = build({"kind": "alexnet", "weights": "net"}, weights, CPU)(images())
    expected = network.features(torchvision_input(images())).detach().numpy()
    assert expected.shape == (5, 256, 1, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "stop", "shape"), [([2, 2], 9, (128, 36, 36)), ([5, 4], 36, (512, 4, 4)), ([1, 1], 2, (64, 72, 72))]
)
def test_torchvision_vgg_file(tmp_path, layer, stop, shape):
    network = torchvision.models.vgg19().eval()
    weights = saved(
        tmp_path / "net.safetensors", {name: tensor for name, tensor in state(network).items() if "features" in name}
    )
    found = build({"kind": "vgg", "layer": layer, "weights": "net"}, weights, CPU)(images(2))
    expected = network.features[:stop](torchvision_input(images(2))).detach().numpy()
    assert found.shape == (2, *shape)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def test_oxford_vgg_file(tmp_path):
    names, network = oxford_state()
    weights = saved(tmp_path / "net.safetensors", names, {"input": "BGR 0-255 minus 100,110,120"})
    found = build({"kind": "vgg", "layer": [3, 2], "weights": "net"}, weights, CPU)(images(2))
    batch = torch.tensor(images(2)[..., ::-1].astype(np.float32)) - torch.tensor([100.0, 110, 120])
    expected = network[:14](batch.permute(0, 3, 1, 2)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def caffe_state(seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = {1: (96, 3, 11, 11), 2: (256, 48, 5, 5), 3: (384, 256, 3, 3), 4: (384, 192, 3, 3), 5: (256, 192, 3, 3)}
    names = {}
    for number, shape in shapes.items():
        names[f"conv{number}.weight"] = torch.randn(shape, generator=generator) / (shape[1] * shape[2] ** 2) ** 0.5
        names[f"conv{number}.bias"] = torch.randn(shape[0], generator=generator)
    return names


def caffe_forward(names, batch):
    """Caffe's AlexNet as its layers are defined, in float64."""
    names = {name: tensor.double() for name, tensor in names.items()}

    def convolved(x, number, groups, **options):
        return F.relu(F.conv2d(x, names[f"conv{number}.weight"], names[f"conv{number}.bias"], groups=groups, **options))

    def normalised(x):
        squares = F.pad(x.square(), (0, 0, 0, 0, 2, 2))
        return x / (1 + 1e-4 / 5 * sum(squares[:, k : k + x.shape[1]] for k in range(5))) ** 0.75

    def pooled(x):
        far = x.shape[-1] % 2 == 0  # rounding up: an even side ends in a window of two
        return F.max_pool2d(F.pad(x, (0, int(far), 0, int(far)), value=-torch.inf), 3, 2)

    x = pooled(normalised(convolved(batch.double(), 1, 1, stride=4)))
    x = pooled(normalised(convolved(x, 2, 2, padding=2)))
    x = convolved(convolved(x, 3, 1, padding=1), 4, 2, padding=1)
    return pooled(convolved(x, 5, 2, padding=1)).numpy()


@pytest.mark.parametrize("stated", [None, {"input": "BGR 0-255 minus 104,117,124"}])
def test_caffe_alexnet_file(tmp_path, stated):
    weights = saved(tmp_path / "net.safetensors", caffe_state(), stated)
    found = build({"kind": "alexnet", "weights": "net"}, weights, CPU)(images(3))
    means = torch.tensor([104.0, 117, 124 if stated else 123])
    expected = caffe_forward(caffe_state(), (torch.tensor(images(3)[..., ::-1].copy()) - means).permute(0, 3, 1, 2))
    assert found.shape == (3, 256, 2, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def busy_encoder(seed=0):
    network, generator = encoder(), torch.Generator().manual_seed(seed)
    for layer in network:
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.copy_(torch.randn(layer.num_features, generator=generator))
            layer.running_var.copy_(1 + torch.rand(layer.num_features, generator=generator))
    return network.eval()


@pytest.mark.parametrize("prefix", ["", "E.", "E.encoder_q.E.", "model.E.encoder_q.E."])
def test_dasr_file_under_any_prefix(tmp_path, prefix):
    network = busy_encoder()
    extra = state(busy_encoder(1), "E.encoder_k.E.") | {"G.head.0.weight": torch.zeros(64, 3, 3, 3)} if prefix else {}
    weights = saved(tmp_path / "net.safetensors", state(network, prefix) | extra)
    found = build({"kind": "dasr", "weights": "net"}, weights, CPU)(images(2))
    expected = network(torch.tensor(images(2)).permute(0, 3, 1, 2).float()).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_dasr_has_the_published_number_of_parameters():
    assert sum(parameter.numel() for parameter in encoder().parameters()) == 1_147_200


def test_dasr_refuses_none_and_two_encoders(tmp_path):
    two = state(busy_encoder(), "first.") | state(busy_encoder(1), "second.")
    with pytest.raises(DegcraftError, match=r"2 degradation encoders found: first\., second\."):
        build({"kind": "dasr", "weights": "net"}, saved(tmp_path / "two.safetensors", two), CPU)
    with pytest.raises(DegcraftError, match="0 degradation encoders found"):
        build({"kind": "dasr", "weights": "net"}, saved(tmp_path / "none.safetensors", caffe_state()), CPU)


def test_alexnet_refuses_other_networks_and_shapes(tmp_path):
    names, _ = oxford_state()
    with pytest.raises(DegcraftError, match="no first convolution of AlexNet"):
        build({"kind": "alexnet", "weights": "net"}, saved(tmp_path / "vgg.safetensors", names), CPU)
    wrong = caffe_state() | {"conv4.weight": torch.zeros(384, 384, 3, 3)}
    with pytest.raises(DegcraftError, match=r"conv4.weight is \(384, 384, 3, 3\), \(384, 192, 3, 3\) is needed"):
        build({"kind": "alexnet", "weights": "net"}, saved(tmp_path / "wrong.safetensors", wrong), CPU)


def test_vgg_refuses_a_file_that_ends_before_the_layer(tmp_path):
    names = {name: tensor for name, tensor in oxford_state()[0].items() if name < "conv4"}
    weights = saved(tmp_path / "net.safetensors", names)
    assert build({"kind": "vgg", "layer": [3, 4], "weights": "net"}, weights, CPU)(images(1)).shape == (1, 256, 18, 18)
    with pytest.raises(DegcraftError, match=r"conv4_1\.weight is absent.* and 12 more"):
        build({"kind": "vgg", "layer": [5, 4], "weights": "net"}, weights, CPU)


@pytest.mark.parametrize("layer", [[0, 1], [2, 3], [6, 1], [5, 0]])
def test_vgg_refuses_layers_it_does_not_have(layer):
    with pytest.raises(DegcraftError, match="is not in VGG-19"):
        build(RANDOM["vgg22"] | {"layer": layer}, None, CPU)


def test_a_missing_weight_file_is_said():
    with pytest.raises(DegcraftError, match="weights: torchvision asks for one"):
        build({"kind": "alexnet", "weights": "torchvision"}, None, CPU)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("BGR 0-255 minus 104,117,123", Convention("BGR", 255, (104, 117, 123))),
        ("RGB 0-1, minus 0.485,0.456,0.406, over 0.229,0.224,0.225", IMAGENET),
        ("RGB 0-255", Convention("RGB", 255, (0, 0, 0))),
    ],
)
def test_conventions_are_read(tmp_path, stated, expected):
    weights = saved(tmp_path / "net.safetensors", {"a": torch.zeros(1)}, {"input": stated})
    assert Convention.of(weights, Convention("BGR", 1, (1, 2, 3))) == expected


def test_an_unreadable_convention_is_refused(tmp_path):
    weights = saved(tmp_path / "net.safetensors", caffe_state(), {"input": "HSV in degrees"})
    with pytest.raises(DegcraftError, match=r"HSV in degrees.*cannot be read"):
        build({"kind": "alexnet", "weights": "net"}, weights, CPU)


@pytest.mark.parametrize(
    ("name", "smallest"), [("alexnet", 63), ("vgg22", 2), ("vgg54", 16), ("caffe", 39), ("dasr", 1)]
)
def test_smallest_image(tmp_path, name, smallest):
    if name == "caffe":
        extractor = build({"kind": "alexnet", "weights": "net"}, saved(tmp_path / "a.safetensors", caffe_state()), CPU)
    else:
        extractor = random(name)
    assert extractor(images(1, smallest)).shape[2:] == (1, 1)
    if smallest > 1:
        with pytest.raises(
            DegcraftError, match=f"at least {smallest} x {smallest}; set prepare.crop to {4 * smallest}"
        ):
            extractor(images(1, smallest - 1))
        with pytest.raises(RuntimeError):
            extractor.network(torch.zeros(1, 3, smallest - 1, smallest - 1))


def test_real_weights_load_and_tell_images_apart(shared_data):
    for name, options, count in (
        ("alexnet_bvlc_conv", {"kind": "alexnet"}, 256),
        ("vgg19_conv1_1-conv3_4", {"kind": "vgg", "layer": [2, 2]}, 128),
    ):
        weights = load_weights(shared_data / "weights" / f"{name}.safetensors")
        extractor = build(options | {"weights": name}, weights, CPU)
        assert extractor.convention.order == "BGR"
        assert extractor.convention.top == 255
        found = extract(extractor, images(), 5, "average")
        assert found.shape == (5, count)
        assert np.isfinite(found).all()


def test_real_vgg_file_has_no_vgg54(shared_data):
    weights = load_weights(shared_data / "weights" / "vgg19_conv1_1-conv3_4.safetensors")
    with pytest.raises(DegcraftError, match=r"conv4_1\.weight is absent"):
        build({"kind": "vgg", "layer": [5, 4], "weights": "vgg"}, weights, CPU)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", RANDOM)
def test_a_gpu_gives_the_features_of_the_cpu(name):
    found = extract(build(RANDOM[name], None, torch.device("cuda")), images(), 5, "average")
    expected = extract(random(name), images(), 5, "average")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
