"""A PyTorch module becomes a graph that computes the same, or all nodes in its way are named."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnkit.errors import InputError
from cnnkit.graph.learning import learnt
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import TensorType
from cnnkit.nn.exported.program import graph_of, graph_of_program
from cnnkit.nn.graphs.module import GraphModule

SIZE = (2, 8, 6)


class Of(nn.Module):
    """A module whose forward is a function of its layers and the images."""

    def __init__(self, forward: Callable[[Any, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.function = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def net() -> Of:
    """A residual with a ReLU in place, normalised, dropped, and a head with a view."""

    def forward(net: Any, x: Tensor) -> Tensor:
        y = F.relu(net.norm(net.conv(x)), inplace=True)
        y = net.drop(y + net.wide(y))
        return F.log_softmax(net.head(F.max_pool2d(y, 2).view(x.size(0), -1)), 1)

    return Of(
        forward,
        conv=nn.Conv2d(2, 4, 3, padding=1, bias=False),
        norm=nn.BatchNorm2d(4),
        wide=nn.Conv2d(4, 4, (3, 1), padding="same", groups=2),
        drop=nn.Dropout(0.25),
        head=nn.Linear(48, 3),
    )


FORWARDS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "shared in place": lambda net, x: torch.cat([(y := x * 2), y.relu_(), y], 1),
    "in place twice": lambda net, x: torch.cat([(y := x - 0.5), y.relu_().mul_(3), y.add_(1)], 1),
    "in place behind a view": lambda net, x: torch.cat(
        [(y := x - 0.5).flatten(1), y.relu_().flatten(1)], 1
    ),
    "in place behind an idle dropout": lambda net, x: (
        F.dropout((y := x - 0.5), 0.5, False).relu_() + y
    ),
    "an idle dropout in place": lambda net, x: F.dropout(x.flatten(1), 0.5, False, inplace=True),
    "channel shuffle": lambda net, x: (
        x.view(x.shape[0], 2, 1, 8, 6).transpose(1, 2).reshape(x.shape[0], -1, 8, 6)
    ),
    "numbers": lambda net, x: (x - 0.5) / 0.25 * x + 3,
    "relu6": lambda net, x: F.relu6(x * 9) + x.clamp(min=0.5),
    "pads": lambda net, x: F.pad(F.pad(x, (1, 0, 2, 1)), (1, 1, 1, 1), mode="reflect"),
    "means": lambda net, x: x.mean((2, 3)) + x.mean(-1).mean(-1),
    "global average": lambda net, x: F.adaptive_avg_pool2d(x, 1).flatten(1),
    "windows": lambda net, x: F.adaptive_avg_pool2d(x, (4, 3)),
    "spread": lambda net, x: F.adaptive_avg_pool2d(F.adaptive_avg_pool2d(x, 1), (3, 2)),
    "average": lambda net, x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
    "product": lambda net, x: F.linear(x, torch.ones(4, 6), torch.arange(4.0)).softmax(1),
    "activations": lambda net, x: (
        F.silu(x) + F.hardswish(x - 1) * F.hardsigmoid(x) + torch.tanh(x) - torch.sigmoid(x)
    ),
    "negative parts": lambda net, x: F.leaky_relu(x - 0.5, 0.2) + F.elu(x - 0.4, 1.5),
    "slopes": lambda net, x: F.prelu(x - 0.5, torch.tensor([0.25, -0.5])),
    "parts": lambda net, x: torch.cat([*x.chunk(2, 1), *reversed(x.split([5, 1, 2], 2))][3:], 2),
    "slices": lambda net, x: x[:, 1:, ::3, -4:] + x.narrow(3, 2, 4)[:, :1, :3],
    "elementary": lambda net, x: (
        x.exp()
        + (x + 1).log()
        + x.sqrt()
        + (x - 0.5).abs()
        - x.erf()
        + (-x).sign()
        + (9 * x).floor()
        + (x + 1).pow(1.5)
        + x**2
        + (x + 1).rsqrt()
        + (1 - x)
        + 2 / (x + 1)
        + torch.log1p(x)
    ),
    "gates": lambda net, x: (
        F.gelu(x - 0.5)
        + F.gelu(x - 0.5, approximate="tanh")
        + F.mish(x - 0.5)
        + F.softplus(x, 2)
        + F.selu(x - 0.5)
        + F.celu(x - 0.5, 0.7)
        + F.logsigmoid(x)
        + F.threshold(x, 0.5, 0)
        + F.softsign(x)
        + F.glu(x, 1)
    ),
    "extremes": lambda net, x: (
        torch.maximum(x, 1 - x).amax(3)
        + x.max(3)[0]
        - torch.min(x, dim=3)[0]
        + torch.min(x, x).sum(3)
    ),
    "spread of values": lambda net, x: (
        x.var((2, 3)) + x.std((2, 3), correction=0) + F.normalize(x, dim=1).norm(1, dim=(2, 3))
    ),
    "normalised": lambda net, x: (
        F.instance_norm(x) + F.group_norm(x, 1) + F.layer_norm(x, (6,), torch.arange(6.0))
    ),
    "sizes": lambda net, x: F.interpolate(
        F.interpolate(F.interpolate(x, scale_factor=2), (7, 9), mode="bilinear"),
        scale_factor=(1.5, 2),
        mode="bicubic",
        align_corners=True,
    ),
    "scales": lambda net, x: (
        F.interpolate(x, scale_factor=0.6) + F.interpolate(x, scale_factor=0.6, mode="bilinear")
    ),
    "transposed": lambda net, x: F.conv_transpose2d(
        x, torch.arange(24.0).reshape(2, 2, 3, 2) / 9, torch.ones(4), 2, 1, 1, 2
    ),
    "pixel shuffle": lambda net, x: F.pixel_shuffle(
        F.channel_shuffle(F.pixel_unshuffle(x, 2), 4), 2
    ),
    "places": lambda net, x: (
        x[:, 1].unsqueeze(1)
        + x[:, [1, 0]].flip(2, 3)
        + x.roll((1, -2), (2, 3))
        + torch.stack([x, x], 1)[:, 1]
        + x.mean((2, 3), True).expand_as(x)
        + x[:, :1].repeat(1, 2, 1, 1)
    ),
    "attention": lambda net, x: F.scaled_dot_product_attention(x, x + 1, x),
    "uneven means": lambda net, x: F.adaptive_avg_pool2d(x, (3, 5)),
    "largest": lambda net, x: x.flatten(1).argmax(1),
}


def agree(module: nn.Module) -> None:
    graph, x = graph_of(module, SIZE), torch.rand(3, *SIZE)
    assert graph.inputs == {"x": TensorType("float32", ("N", *SIZE))}
    expected = module.eval()(x.clone())
    torch.testing.assert_close(GraphModule(graph).eval()(x.clone()), expected)


@pytest.mark.parametrize("name", FORWARDS)
def test_a_graph_computes_what_the_module_computes(name: str) -> None:
    agree(Of(FORWARDS[name]))


def test_parameters_keep_their_names_and_the_mode_stays() -> None:
    module = net().train()
    graph = graph_of(module, SIZE)
    assert set(learnt(graph)) == {name for name, _ in module.named_parameters()}
    assert {"norm.running_mean", "norm.running_var"} <= set(graph.tensors)
    assert all(part.training for part in module.modules())
    assert [node.name for node in graph.nodes[:2]] == ["conv", "norm"]
    agree(module)


def test_in_training_the_graph_drops_and_normalises_as_the_module() -> None:
    module = net().double()
    graph = graph_of(net(), SIZE)
    mine = GraphModule(graph).double()
    mine.load_arrays({name: module.state_dict()[name].numpy() for name in learnt(graph)})
    x = torch.rand(4, *SIZE, dtype=torch.float64)
    found = []
    for each in (module, mine):
        torch.manual_seed(3)
        found.append(each.train()(x))
    torch.testing.assert_close(found[0], found[1])


def test_tied_weights_stay_one_tensor() -> None:
    layer = nn.Conv2d(2, 2, 1)
    graph = graph_of(Of(lambda net, x: net.b(net.a(x)), a=layer, b=layer), SIZE)
    assert len(graph.tensors) == 2
    other = nn.Conv2d(2, 2, 1)
    other.weight = layer.weight
    tied = graph_of(Of(lambda net, x: net.b(net.a(x)), a=layer, b=other), SIZE)
    assert [node.inputs[1] for node in tied.nodes] == ["a.weight"] * 2


def test_a_saved_program_of_core_operators_is_read_as_well() -> None:
    module, batch = net().eval(), {0: torch.export.Dim("N")}
    program = torch.export.export(module, (torch.zeros(2, *SIZE),), dynamic_shapes=(batch,))
    content = io.BytesIO()
    torch.export.save(program.run_decompositions(), content)
    content.seek(0)
    graph, x = graph_of_program(torch.export.load(content)), torch.rand(3, *SIZE)
    assert infer_types(graph)[graph.outputs[0]].shape == ("N", 3)
    torch.testing.assert_close(GraphModule(graph).eval()(x), module(x))


def test_all_nodes_in_the_way_are_named_at_once() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        y: Tensor = net.last(torch.erfinv(net.odd(x)))
        return y + F.adaptive_max_pool2d(x, (3, 5))[:, :, :1, :1]

    module = Of(forward, odd=nn.Softshrink(), last=nn.Conv2d(2, 2, 1))
    with pytest.raises(InputError, match="Of: has 3 nodes that cnnkit's graph") as caught:
        graph_of(module, SIZE)
    named = [line.split(":")[0] for line in caught.value.details]
    assert named[:3] == [
        "softshrink odd",
        "erfinv erfinv",
        "adaptive_max_pool2d adaptive_max_pool2d",
    ]
    assert "it pools 8x6 to 3x5" in caught.value.details[2]


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda net, x: x if x.sum() > 0 else -x, "cannot be exported for images of 2x8x6"),
        (lambda net, x: F.conv2d(x, torch.ones(1, 3, 1, 1)), "cannot be exported"),
        (lambda net, x: x.flatten(0, 1), "images are no longer apart"),
        (lambda net, x: (y := x - 0.5) + y.chunk(2, 1)[0].relu_(), "slice_scatter"),
        (lambda net, x: x.mean(0), "it takes the mean over images"),
        (lambda net, x: x / x.shape[0], "it computes with the number of images"),
    ],
)
def test_what_no_graph_holds_is_refused(forward: Any, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        graph_of(Of(forward), SIZE)
    assert reason in "\n".join(caught.value.lines)


def test_the_parts_of_one_module_have_names_of_their_own() -> None:
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.SiLU(), nn.SiLU(), nn.Flatten(), nn.Linear(72, 2))
    names = [node.name for node in graph_of(module.eval(), SIZE).nodes]
    assert len(set(names)) == len(names), names
    assert {"1", "1_2"} <= set(names), "SiLU is a sigmoid and a product"
