from pathlib import Path

import pytest
import torch
import torchvision

from degcraft.checkpoints import Weights
from degcraft.errors import DegcraftError
from degcraft.methods.perception import Perception, perceptual

CPU = torch.device("cpu")
DEVIATION = torch.tensor([0.229, 0.224, 0.225])
RANDOM = {"kind": "vgg", "layer": [2, 2], "weights": "random", "seed": 3}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return torchvision.models.vgg19().features[:8].requires_grad_(False)  # ends with the second convolution of block 2


@pytest.fixture
def images():
    torch.manual_seed(0)
    return torch.rand(2, 3, 16, 20), torch.rand(2, 3, 16, 20)


def distance(network, one, other):
    normalise = torchvision.transforms.Normalize([0.485, 0.456, 0.406], DEVIATION.tolist())
    return (network(normalise(one)) - network(normalise(other))).abs().mean()


def test_the_distance_is_that_of_torchvisions_maps_before_the_activation(network, images):
    found = Perception(RANDOM, None, CPU)(*images)
    torch.testing.assert_close(found, distance(network, *images))
    assert network(images[0]).min() < 0


def test_weights_of_a_file_are_used(images):
    torch.manual_seed(4)
    other = torchvision.models.vgg19().features[:8]
    weights = Weights({f"features.{name}": value for name, value in other.state_dict().items()}, {}, Path("vgg.pth"))
    found = Perception({**RANDOM, "weights": "vgg.pth"}, weights, CPU)(*images)
    torch.testing.assert_close(found, distance(other, *images).detach())


def test_oxfords_grey_levels_do_not_make_the_term_stronger(network, images):
    # Its maps are larger by the grey levels in torchvision's unit; its channels are BGR.
    factor = 255 * float(DEVIATION.mean())
    tensors = {}
    for number, name in ((0, "conv1_1"), (2, "conv1_2"), (5, "conv2_1"), (7, "conv2_2")):
        weight = network[number].weight
        if number == 0:
            weight = (weight * factor / (255 * DEVIATION).view(1, 3, 1, 1)).flip(1)
        tensors |= {f"{name}.weight": weight, f"{name}.bias": factor * network[number].bias}
    loss = Perception({**RANDOM, "weights": "vgg.pth"}, Weights(tensors, {}, Path("vgg.pth")), CPU)
    assert float(loss(*images)) == pytest.approx(float(distance(network, *images)), rel=1e-3)


def test_gradients_flow_into_the_restored_image_alone(images):
    loss = Perception(RANDOM, None, CPU)
    restored, truth = (image.requires_grad_() for image in images)
    loss(restored, truth).backward()
    assert restored.grad.abs().sum() > 0
    assert truth.grad is None
    assert all(weight.grad is None and not weight.requires_grad for weight in loss.parameters())


def test_a_step_against_the_gradient_brings_images_closer(images):
    loss = Perception(RANDOM, None, CPU)
    restored, truth = images[0].requires_grad_(), images[1]
    start = loss(restored, truth)
    start.backward()
    with torch.no_grad():
        moved = restored - 0.01 * restored.grad.sign()
        assert loss(moved, truth) < 0.99 * start
        assert loss(truth, truth) == 0


def test_images_that_are_too_small_for_the_layer():
    loss = Perception({**RANDOM, "layer": [3, 1]}, None, CPU)
    assert loss(torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)) > 0
    with pytest.raises(DegcraftError, match="images of 3 pixels; at least 4 are needed by this layer; write a larger"):
        loss(torch.rand(1, 3, 3, 5), torch.rand(1, 3, 3, 5))


def test_without_an_extractor_there_is_no_loss():
    assert perceptual(None, CPU) is None
    assert isinstance(perceptual((RANDOM, None), CPU), Perception)
