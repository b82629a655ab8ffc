"""`cnnkit.fuse` replaces what is safe in any model, leaves the rest, and reports why."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

import cnnkit
from cnnkit.errors import InputError
from cnnkit.nn.block import observe_calls

Report = Any


def check(
    model: nn.Module, x: Tensor, tolerance: float = 1e-5, computed: int | None = None
) -> tuple[nn.Module, Report]:
    """Fuse a model; outputs, names and parameters must be equal, and all blocks really fused."""
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    kinds = [type(module) for module in model.modules()]
    fused, report = cnnkit.fuse(model)
    assert [type(module) for module in model.modules()] == kinds
    for states in (model.state_dict(), fused.state_dict()):
        assert list(states) == list(before)
        assert all(torch.equal(before[name], t) for name, t in states.items())
    for module, kind in zip(fused.modules(), kinds, strict=True):
        assert type(module) is kind or type(module).__base__ is kind is nn.Conv2d
    with torch.no_grad(), observe_calls() as calls:
        expected = model(x)
        found = fused(x)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= tolerance * expected.abs().max()
    assert len(calls) == (len(report.fused) if computed is None else computed)
    return fused, report


ARCHITECTURES = {
    "vgg11": (64, ["features.0", "features.3", "features.8", "features.13", "features.18"], 0),
    "vgg11_bn": (64, ["features.0", "features.4", "features.11", "features.18", "features.25"], 0),
    "alexnet": (96, ["features.0", "features.3", "features.10"], 0),
    "squeezenet1_1": (95, ["features.0"], 2),
    "resnet18": (64, ["conv1"], 0),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_models_of_torchvision_answer_the_same(name: str) -> None:
    side, places, left = ARCHITECTURES[name]
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None).eval()
    _, report = check(model, torch.rand(1, 3, side, side))
    assert [c.place for c in report.fused] == places
    assert [c.reason for c in report.left] == ["its input comes from cat, not from a Conv2d"] * left


def test_what_is_left_of_a_channels_last_model_goes_on_in_that_order() -> None:
    torch.manual_seed(0)
    left = nn.Conv2d(8, 4, 3)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), left)
    model = model.to(memory_format=torch.channels_last)
    fused, report = check(model, torch.rand(2, 3, 16, 16))
    assert len(report.fused) == 1
    for x in (torch.rand(2, 3, 16, 16), torch.rand(2, 16, 16, 3).permute(0, 3, 1, 2)):
        assert fused(x).is_contiguous(memory_format=torch.channels_last)


class Functional(nn.Module):
    """Conv → ReLU → pool with a function of the caller's choice in the middle."""

    def __init__(self, after: Callable[[Tensor], Tensor], norm: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8) if norm else nn.Identity()
        self.after = [after]

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        if isinstance(self.norm, nn.BatchNorm2d):
            y = self.norm(y)
        return self.after[0](y)


FORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "functions": lambda y: F.max_pool2d(F.relu(y), 2),
    "torch": lambda y: torch.max_pool2d(torch.relu(y), (3, 2), 2, 1),
    "method": lambda y: F.max_pool2d(y.relu(), kernel_size=3, stride=2, padding=1),
    "in_place": lambda y: F.max_pool2d(F.relu(y, inplace=True), 2),
    "in_place_method": lambda y: F.max_pool2d(y.relu_(), 2, []),
    "in_place_torch": lambda y: F.max_pool2d(torch.relu_(y), 2),
    "pool_first": lambda y: F.relu(F.max_pool2d(y, 2)),
    "pool_first_in_place": lambda y: F.max_pool2d(y, 2).relu_(),
    "ceil": lambda y: F.max_pool2d(y.relu(), 3, 2, ceil_mode=True),
}


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_functions_and_methods_are_found_as_modules_are(form: str, norm: bool) -> None:
    model = Functional(FORMS[form], norm).eval()
    for side in (16, 17):
        # PyTorch computes the window that ceil_mode adds.
        computed = 0 if form == "ceil" else 1
        _, report = check(model, torch.rand(2, 3, side, side + 1), computed=computed)
        assert [c.place for c in report.fused] == ["conv"]


LEFT: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "used_twice": (lambda y: F.max_pool2d(F.relu(y), 2) + y.mean(), "Conv2d is used elsewhere"),
    "relu_used_twice": (
        lambda y: (lambda r: F.max_pool2d(r, 2) + r.mean())(F.relu(y)),
        "the output of relu is used elsewhere too",
    ),
    "pool_used_twice": (
        lambda y: (lambda p: F.relu(p) + p)(F.max_pool2d(y, 2)),
        "the output of max_pool2d is used elsewhere too",
    ),
    "in_place_beside": (
        lambda y: (y.relu_(), F.max_pool2d(y, 2))[1],
        "there is no ReLU before or after the pool",
    ),
    "no_relu": (lambda y: F.max_pool2d(y, 2), "there is no ReLU"),
    "another_function": (lambda y: F.max_pool2d(F.gelu(y), 2), "its input comes from gelu"),
    "dilated_pool": (lambda y: F.max_pool2d(F.relu(y), 2, dilation=2), "the pool has dilation 2"),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_not_safe_is_left_with_the_reason(name: str) -> None:
    after, reason = LEFT[name]
    _, report = check(Functional(after).eval(), torch.rand(1, 3, 16, 16), tolerance=0)
    assert not report.fused
    assert reason in report.left[0].reason


def stack(**options: Any) -> nn.Sequential:
    options = {"kernel_size": 3, **options}
    return nn.Sequential(nn.Conv2d(4, 8, **options), nn.ReLU(), nn.MaxPool2d(2)).eval()


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"groups": 2}, "2 groups"),
        ({"dilation": 2}, "dilation (2, 2)"),
        ({"padding": 1, "padding_mode": "circular"}, "pads with 'circular'"),
        ({"padding": "same", "kernel_size": 4}, "'same' is asymmetric"),
    ],
)
def test_options_of_the_convolution_that_the_kernels_lack_are_named(
    options: dict[str, Any], reason: str
) -> None:
    _, report = check(stack(**options), torch.rand(1, 4, 16, 16), tolerance=0)
    assert reason in report.left[0].reason


@pytest.mark.parametrize(
    ("options", "few"), [({"stride": 2}, 8), ({"stride": (1, 2)}, 8), ({"kernel_size": (7, 5)}, 16)]
)
def test_where_only_the_general_kernel_would_run_many_channels_are_left(
    options: dict[str, Any], few: int
) -> None:
    for channels in (few - 1, few):
        conv = nn.Conv2d(channels, 8, **{"kernel_size": 3, **options})
        model = nn.Sequential(conv, nn.ReLU(), nn.MaxPool2d(2)).eval()
        _, report = check(model, torch.rand(1, channels, 16, 16))
        assert len(report.fused) == (channels < few)
        reason = f"slower than PyTorch from {few} input channels on"
        assert all(reason in candidate.reason for candidate in report.left)


@pytest.mark.parametrize("padding", ["same", "valid", (2, 0)])
def test_padding_in_words_is_fused_where_both_sides_are_equal(padding: Any) -> None:
    _, report = check(stack(padding=padding, kernel_size=(3, 5)), torch.rand(1, 4, 16, 16))
    assert report.fused


def test_batch_norm_in_training_mode_goes_on_learning() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
    fused, report = cnnkit.fuse(model)
    assert report.fused
    x = torch.rand(2, 3, 8, 8)
    with observe_calls() as calls:
        assert torch.equal(fused(x), model(x))
        assert not calls
        assert torch.equal(fused[1].running_mean, model[1].running_mean)
        torch.testing.assert_close(fused.eval()(x), model.eval()(x))
    assert len(calls) == 1


def test_batch_norm_without_running_statistics_is_left() -> None:
    norm = nn.BatchNorm2d(4, track_running_stats=False)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.ReLU(), nn.MaxPool2d(2)).eval()
    _, report = check(model, torch.rand(2, 3, 8, 8), tolerance=0)
    assert "has no running statistics" in report.left[0].reason


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_is_folded_whatever_it_holds(bias: bool, affine: bool) -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(8, affine=affine, eps=0.1)
    for tensor in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
        if tensor is not None:
            nn.init.uniform_(tensor, 0.1, 2)
    if affine:
        nn.init.uniform_(norm.weight, -2, 2)
    conv = nn.Conv2d(3, 8, 3, bias=bias)
    model = nn.Sequential(conv, norm, nn.ReLU(), nn.MaxPool2d(2)).eval()
    _, report = check(model, torch.randn(2, 3, 12, 12), tolerance=2e-6)
    assert report.candidates[0].operations == "Conv2d → BatchNorm2d → ReLU → MaxPool2d"
    assert report.fused


@pytest.mark.parametrize("position", [0, 1, 2])
def test_hooks_go_on_working(position: int) -> None:
    model = stack()
    seen: list[Any] = []
    model[position].register_forward_hook(lambda module, given, y: seen.append(y.shape))
    _, report = check(model, torch.rand(1, 4, 16, 16), tolerance=0)
    assert "has hooks" in report.left[0].reason
    assert len(seen) == 2  # from the model and from the copy; none from tracing


def test_inside_a_part_with_hooks_is_fused_and_the_hooks_go_on_working() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(stack(), nn.Flatten())

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.inner(x) * 2
            return y

    model = Outer().eval()
    seen: list[Any] = []
    model.inner.register_forward_hook(lambda module, given, y: seen.append(1))
    _, report = check(model, torch.rand(1, 4, 16, 16))
    assert [c.place for c in report.fused] == ["inner.0.0"]
    assert [u.place for u in report.untraced] == ["inner"]
    assert len(seen) == 2


def test_a_convolution_called_twice_is_fused_twice() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)
            self.alias = self.conv

        def forward(self, x: Tensor) -> Tensor:
            y = F.max_pool2d(F.relu(self.conv(x)), 2)
            return F.max_pool2d(F.relu(self.alias(y)), 2)

    _, report = check(Twice().eval(), torch.rand(1, 3, 16, 16))
    assert len(report.fused) == 2


def test_relu_and_pool_modules_may_be_shared() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3)
            self.relu, self.pool = nn.ReLU(inplace=True), nn.MaxPool2d(2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.pool(self.relu(self.first(input=x)))
            y: Tensor = self.relu(self.pool(self.relu(self.second(x))) - 0.1)
            return y

    fused, report = check(Shared().eval(), torch.rand(1, 3, 16, 16))
    assert [c.place for c in report.fused] == ["first", "second"]
    assert isinstance(fused.relu, nn.ReLU)  # which the last line still needs


class Branching(nn.Module):
    """Control flow that depends on data, which torch.fx cannot trace; it indexes a Sequential."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(*stack(padding=1), *stack(padding=1)[1:])
        self.blocks = nn.ModuleList([Functional(FORMS["functions"])])

    def forward(self, x: Tensor) -> Tensor:
        y = self.features(self.blocks[0](x))
        if y.sum() > 0:
            y = y + self.features[0].weight.mean()
        return y[:, :2]


def test_what_cannot_be_traced_is_reported_and_its_parts_are_fused() -> None:
    model = Branching().eval()
    model.blocks[0].conv = nn.Conv2d(3, 4, 3, padding=1)
    fused, report = check(model, torch.rand(1, 3, 32, 32))
    assert [c.place for c in report.fused] == ["features.0", "blocks.0.conv"]
    assert [u.place for u in report.untraced] == ["model"]
    assert "control flow" in str(report)
    assert isinstance(fused.features, nn.Sequential)
    assert len(fused.features) == len(model.features)


def test_a_pool_that_returns_indices_is_left() -> None:
    class Indices(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers, self.pool = stack()[:2], nn.MaxPool2d(2, return_indices=True)

        def forward(self, x: Tensor) -> Tensor:
            y, indices = self.pool(self.layers(x))
            pooled, taken = F.max_pool2d(F.relu(self.layers(x)), 2, return_indices=True)
            z: Tensor = y + indices + pooled + taken
            return z

    for model in (Indices().eval(), nn.Sequential(Indices())):
        _, report = check(model, torch.rand(1, 4, 16, 16), tolerance=0)
        assert not report.fused


def test_subclasses_and_computed_weights_are_left() -> None:
    class Mine(nn.Conv2d):
        pass

    model = stack()
    normed = copy.deepcopy(model)
    nn.utils.parametrizations.weight_norm(normed[0])
    mine = nn.Sequential(Mine(4, 8, 3), nn.ReLU(), nn.MaxPool2d(2)).eval()
    for other in (normed, mine):
        _, report = check(other, torch.rand(1, 4, 16, 16), tolerance=0)
        assert not report.fused


def test_half_precision_and_other_devices_are_left() -> None:
    for model in (stack().half(), stack().to("meta")):
        _, report = cnnkit.fuse(model)
        assert "the convolution's weight is" in report.left[0].reason


def test_a_fused_model_keeps_its_state_names_and_can_be_trained() -> None:
    model = stack().train()
    fused, report = check(model, torch.rand(2, 4, 16, 16))
    assert report.fused
    assert list(fused.state_dict()) == list(model.state_dict())
    fused.load_state_dict(model.state_dict())
    x = torch.rand(2, 4, 16, 16)
    for module in (model, fused):
        module(x).square().sum().backward()
    for mine, expected in zip(fused.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, expected.grad, rtol=1e-4, atol=1e-4)
    again, report = cnnkit.fuse(fused)
    assert len(report.fused) == 1
    with torch.no_grad():
        assert torch.equal(again(x), fused(x))


def test_a_fused_model_compiles_and_exports() -> None:
    fused, _ = cnnkit.fuse(nn.Sequential(stack(), nn.Flatten()).eval())
    x = torch.rand(1, 4, 16, 16)
    program = torch.export.export(fused, (x,))
    compiled = torch.compile(fused, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), fused(x))
        torch.testing.assert_close(program.module()(x), fused(x))


def test_a_model_that_cannot_be_copied_is_named() -> None:
    model = stack()
    model.kept = (torch.ones(1, requires_grad=True) * 2,)  # type: ignore[assignment]
    with pytest.raises(InputError, match="model: cannot be copied"):
        cnnkit.fuse(model)
    with pytest.raises(InputError, match="precision: is 'best'"):
        cnnkit.fuse(stack(), precision="best")
