"""The PyTorch network is the published one, and starts as torch.nn would."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from cnnkit.data.dataset import Dataset
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture, Block
from cnnkit.graph.convnet import build
from cnnkit.nn.network import Network, network_from


def published() -> nn.Sequential:
    """The network of the published table, row by row, in torch.nn's own modules."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=1, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Conv2d(16, 4, 3, stride=1, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Flatten(), nn.Linear(196, 10), nn.LogSoftmax(1),
    )  # fmt: skip


def test_parameters_have_the_published_shapes_and_number() -> None:
    shapes = {name: tuple(p.shape) for name, p in Network().named_parameters()}
    assert shapes == {
        "convs.0.weight": (16, 1, 3, 3),
        "convs.0.bias": (16,),
        "convs.1.weight": (4, 16, 3, 3),
        "convs.1.bias": (4,),
        "linear.weight": (10, 196),
        "linear.bias": (10,),
    }
    assert sum(p.numel() for p in Network().parameters()) == 2710


def test_features_have_the_published_shapes() -> None:
    assert Architecture().feature_shapes() == [(1, 28, 28), (16, 14, 14), (4, 7, 7)]


def test_state_dict_names_are_the_architectures_in_its_order() -> None:
    assert list(Network().state_dict()) == list(Architecture().parameter_shapes())


def test_answers_equal_the_published_modules_to_the_bit(mnist: Dataset) -> None:
    network, reference = Network(seed=3), published()
    values = list(network.state_dict().values())
    reference.load_state_dict(dict(zip(reference.state_dict(), values, strict=True)))
    images = torch.from_numpy(mnist.test.images[:64]).float() * PIXEL_SCALE
    with torch.inference_mode():
        assert torch.equal(network(images), reference(images))


def test_forward_returns_log_probabilities() -> None:
    network = Network()
    images = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    log_p = network(images)
    assert log_p.shape == (7, 10)
    assert log_p.dtype == torch.float32
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(7))
    torch.testing.assert_close(log_p, torch.log_softmax(network.logits(images), 1))


@pytest.mark.parametrize(
    ("prefix", "layer"),
    [
        ("convs.0", nn.Conv2d(1, 16, 3)),
        ("convs.1", nn.Conv2d(16, 4, 3)),
        ("linear", nn.Linear(196, 10)),
    ],
)
def test_initial_parameters_have_the_distribution_of_torch_nn(
    prefix: str, layer: nn.Module
) -> None:
    """Both are uniform on ±1/√fan_in: the same quantiles over many draws, none beyond the bound."""
    for kind in ("weight", "bias"):
        ours = [
            Architecture().initial_parameters(seed)[f"{prefix}.{kind}"].ravel()
            for seed in range(300)
        ]
        torch.manual_seed(0)
        theirs = []
        for _ in range(300):
            layer.reset_parameters()  # type: ignore[operator]
            theirs.append(getattr(layer, kind).detach().numpy().ravel().copy())
        bound = 1 / math.sqrt(layer.weight[0].numel())  # type: ignore[index, union-attr]
        shares = np.linspace(0.0, 1.0, 21)
        mine, reference = (np.quantile(np.concatenate(x), shares) / bound for x in (ours, theirs))
        np.testing.assert_allclose(mine, 2 * shares - 1, atol=0.08)
        np.testing.assert_allclose(mine, reference, atol=0.1)
        assert np.abs(np.concatenate(ours)).max() <= bound * (1 + 1e-6)


def test_the_seed_fixes_the_network_and_leaves_torchs_random_state_alone() -> None:
    before = torch.get_rng_state()
    same, again, other = Network(seed=1), Network(seed=1), Network(seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    for a, b, c in zip(same.parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_another_architecture_of_the_family_has_its_own_shapes() -> None:
    architecture = Architecture((3, 32, 30), (Block(8, 5, 2, 2), Block(6, 3, 0, 3)), classes=7)
    assert Network(architecture)(torch.zeros(2, 3, 32, 30)).shape == (2, 7)


def test_network_from_weights_holds_copies_and_is_ready_to_answer() -> None:
    architecture = Architecture()
    arrays = architecture.initial_parameters(5)
    network = network_from(build(architecture, arrays))
    assert not network.training
    for name, values in arrays.items():
        assert np.array_equal(network.state_dict()[name].numpy(), values)
    before = network(torch.ones(1, 1, 28, 28))
    arrays["linear.bias"] += 1.0
    assert torch.equal(network(torch.ones(1, 1, 28, 28)), before)
