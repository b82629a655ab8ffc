"""What people do with a model after `cnnkit.fuse` works, and gives what the model gives."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import torchvision
from support.suspicious_models import Base, plain
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

import cnnkit
from cnnkit.errors import InputError
from cnnkit.nn.block import observe_calls
from cnnkit.nn.fusion.compiler import compile_graph, compile_reports

X = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class Net(Base):
    """A model with a method, a private attribute and a module that forward does not use."""

    def __init__(self) -> None:
        super().__init__()
        self.loss, self._mean = nn.CrossEntropyLoss(), 0.5

    def stem(self, x: Tensor) -> Tensor:
        y: Tensor = self.relu(self.norm(self.conv(x)))
        return y

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.relu(self.norm(self.conv(x))))
        return y.flatten(1)


def pair(model: nn.Module | None = None) -> tuple[Any, Any]:
    torch.manual_seed(0)
    model = (model or Net()).eval()
    fused, report = cnnkit.fuse(model)
    assert report.fused
    return model, fused


def assert_same(model: Any, fused: Any, x: Tensor = X, blocks: int | None = None) -> None:
    with torch.no_grad(), observe_calls() as calls:
        torch.testing.assert_close(fused(x), model(x), rtol=1e-5, atol=1e-6)
    assert blocks is None or len(calls) == blocks


def pickled(model: nn.Module) -> Any:
    return pickle.loads(pickle.dumps(model))


def saved(model: nn.Module) -> Any:
    file = io.BytesIO()
    torch.save(model, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=False)


@pytest.mark.parametrize("make", [copy.deepcopy, copy.copy, pickled, saved])
def test_copies_and_files_are_fused_too(make: Callable[[nn.Module], Any]) -> None:
    model, fused = pair()
    assert_same(model, fused, blocks=1)
    assert_same(model, make(fused), blocks=1)


def test_states_go_both_ways() -> None:
    (model, fused), (other, _) = pair(), pair(Net())
    for parameter in other.parameters():
        nn.init.uniform_(parameter)
    fused.load_state_dict(other.state_dict())
    assert_same(other, fused, blocks=1)
    model.load_state_dict(fused.state_dict())
    assert_same(model, fused, blocks=1)


def test_methods_attributes_and_unused_modules_stay() -> None:
    model, fused = pair()
    assert type(fused) is Net
    assert fused._mean == 0.5
    assert isinstance(fused.loss, nn.CrossEntropyLoss)
    assert torch.equal(fused.stem(X), model.stem(X))
    assert torch.equal(fused.conv(X), model.conv(X))


def test_a_slice_and_another_last_layer_work() -> None:
    model, fused = pair(torchvision.models.vgg11(weights=None, num_classes=3))
    x = torch.rand(1, 3, 32, 32)
    assert_same(model.features[:2], fused.features[:2], x, blocks=0)
    assert_same(model.features[:4], fused.features[:4], x, blocks=1)
    fused.classifier[6] = nn.Linear(4096, 2)
    assert fused(x).shape == (1, 2)


def test_a_replaced_layer_takes_part() -> None:
    model, fused = pair()
    model.relu = fused.relu = nn.GELU()
    assert_same(model, fused, blocks=0)


@pytest.mark.parametrize("part", ["conv", "norm", "relu", "pool"])
def test_a_hook_registered_afterwards_sees_what_it_would(part: str) -> None:
    model, fused = pair()
    seen: list[Tensor] = []
    for net in (model, fused):
        net.get_submodule(part).register_forward_hook(lambda m, given, y: seen.append(y))
    assert_same(model, fused, blocks=0)
    assert all(type(y) is Tensor for y in seen)
    assert torch.equal(*seen)


def test_features_are_extracted_by_name() -> None:
    model, fused = pair(torchvision.models.resnet18(weights=None))
    x = torch.rand(1, 3, 64, 64)
    nodes = ["relu", "maxpool", "layer1"]
    expected, found = (create_feature_extractor(net, nodes)(x) for net in (model, fused))
    for name in nodes:
        torch.testing.assert_close(found[name], expected[name])


def test_an_encoder_whose_parts_are_called_gives_each_its_own() -> None:
    model, fused = pair(torchvision.models.resnet18(weights=None))
    x = torch.rand(1, 3, 64, 64)
    skips = [net.relu(net.bn1(net.conv1(x))) for net in (model, fused)]
    assert torch.equal(*skips)
    assert all(type(skip) is Tensor for skip in skips)


def changed_in_place(model: Any) -> None:
    model.conv.weight.mul_(2)


def another_mean(model: Any) -> None:
    model.norm.running_mean.add_(1)


def another_eps(model: Any) -> None:
    model.norm.eps = 0.5


def another_pool(model: Any) -> None:
    model.pool.kernel_size = model.pool.stride = 3


def another_stride(model: Any) -> None:
    model.conv.stride = (2, 2)


def another_padding_mode(model: Any) -> None:
    model.conv.padding_mode, model.conv._reversed_padding_repeated_twice = "reflect", [1] * 4


def another_parameter(model: Any) -> None:
    model.conv.weight = nn.Parameter(torch.ones(4, 1, 3, 3))


def data_written_before_eval(model: Any) -> None:
    model.conv.weight.data.fill_(0.1)
    model.eval()


@pytest.mark.parametrize(
    "change",
    [
        *(changed_in_place, another_mean, another_eps, another_pool, another_stride),
        *(another_padding_mode, another_parameter, data_written_before_eval),
    ],
)
def test_every_change_of_the_model_takes_effect(change: Callable[[Any], None]) -> None:
    model, fused = pair()
    for _ in range(2):
        assert_same(model, fused)
        with torch.no_grad():
            change(model)
            change(fused)
        assert_same(model, fused)


def test_frozen_parameters_and_flags_stay() -> None:
    model = Net().requires_grad_(False).eval()
    fused, _ = cnnkit.fuse(model)
    assert not any(p.requires_grad for p in fused.parameters())
    assert not fused.training
    assert fused(X).numpy().shape == (2, 64)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_autocast_it_answers_as_pytorch_does(dtype: torch.dtype) -> None:
    model, fused = pair()
    module = cnnkit.nn.ConvReLUPool2d(1, 4, 3).eval()
    parts = plain().eval()
    parts[0].load_state_dict(module.state_dict())
    with torch.autocast("cpu", dtype=dtype), torch.no_grad():
        assert torch.equal(fused(X), model(X))
        for x in (X, X.to(dtype)):
            y = module(x)
            assert y.dtype is dtype
            torch.testing.assert_close(y, parts(x), rtol=0.02, atol=0.02)
            z = cnnkit.ops.conv_relu_pool(x, module.weight, module.bias)
            assert torch.equal(z, y)


class Changes(Base):
    """Changes its input after the convolution, on a path that was not traced."""

    reads = False

    def forward(self, x: Tensor, early: Tensor | None = None) -> Tensor:
        y = self.conv(x)
        if early is None:
            x.zero_()
            y = y + 1 if self.reads else y
        z: Tensor = self.pool(self.relu(y))
        return z


def test_a_block_is_that_of_the_input_when_it_began() -> None:
    model, fused = pair(Changes())
    with torch.no_grad():
        torch.testing.assert_close(fused(X, X), model(X, X))
        torch.testing.assert_close(fused(X.clone()), model(X.clone()))


def test_values_read_after_their_input_was_changed_are_refused() -> None:
    model, fused = pair(Changes())
    model.reads = fused.reads = True
    with torch.no_grad():
        torch.testing.assert_close(fused(X, X), model(X, X))
        with pytest.raises(InputError, match="changes an input or weight before it"):
            fused(X.clone())


def test_what_changes_the_input_in_between_is_left() -> None:
    class Changes(Base):
        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            x.zero_()
            z: Tensor = self.pool(self.relu(y))
            return z

    model = Changes()
    fused, report = cnnkit.fuse(model)
    assert "zero_ runs in place between its operations" in str(report)
    with torch.no_grad():
        assert torch.equal(fused(X.clone()), model(X.clone()))


def test_what_forward_keeps_is_left() -> None:
    kept: list[Any] = []

    class Keeps(Base):
        def forward(self, x: Tensor) -> Tensor:
            y = self.relu(self.conv(x))
            kept.append(y)
            z: Tensor = self.pool(y)
            return z

    fused, report = cnnkit.fuse(Keeps())
    assert "forward keeps the output of ReLU" in str(report)
    fused(X)
    assert type(kept[-1]) is Tensor


def test_a_convolution_with_a_forward_of_its_own_is_left() -> None:
    model = plain()
    conv = model[0]
    conv.forward = lambda x: nn.Conv2d.forward(conv, x) * 2
    _, report = cnnkit.fuse(model)
    assert "Conv2d has a forward of its own" in str(report)


def test_an_example_confirms_the_model_in_both_modes() -> None:
    model = Net()
    fused, report = cnnkit.fuse(model, example_inputs=(X,))
    assert len(report.fused) == 1
    assert fused.training
    assert torch.equal(fused.norm.running_mean, model.norm.running_mean)  # compared on copies


def test_an_example_that_differs_undoes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    class AsksForTypes(Base):
        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            z: Tensor = self.pool(self.relu(y))
            return z if type(y) is Tensor else z + 1

    fused, report = cnnkit.fuse(AsksForTypes(), example_inputs=(X,))
    assert [c.reason for c in report.left] == ["in eval mode, the outputs differ"]
    assert type(fused.conv) is nn.Conv2d


def test_random_generators_and_the_model_are_untouched() -> None:
    class Draws(Base):
        seen: Any = None

        def forward(self, x: Tensor) -> Tensor:
            self.seen = self.block(x) * torch.rand(1) * np.random.rand()
            return self.seen

    model = Draws()
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    fused, _ = cnnkit.fuse(model)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert model.seen is None
    assert fused.seen is None


@pytest.mark.parametrize("dynamo", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_onnx_gets_the_standard_operators(dynamo: bool) -> None:
    module = nn.Sequential(cnnkit.nn.ConvReLUPool2d(1, 4, 3), nn.Flatten()).eval()
    for net in (pair()[1], module):
        file = io.BytesIO()
        torch.onnx.export(net, (X,), file, dynamo=dynamo, verbose=False)
        session = onnxruntime.InferenceSession(file.getvalue())
        (y,) = session.run(None, {session.get_inputs()[0].name: X.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(y, net(X).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.torch.jit.*deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:.torch.jit.*deprecated:DeprecationWarning")
@pytest.mark.parametrize("way", ["script", "trace", "export", "fx"])
def test_it_can_be_scripted_traced_and_exported(way: str) -> None:
    module = nn.Sequential(cnnkit.nn.ConvReLUPool2d(1, 4, 3), nn.Flatten()).eval()
    for net in (pair()[1], module):
        ways: dict[str, Callable[[], Any]] = {
            "script": lambda net=net: torch.jit.script(net),
            "trace": lambda net=net: torch.jit.trace(net, X),
            "export": lambda net=net: torch.export.export(net, (X,)).module(),
            "fx": lambda net=net: torch.fx.symbolic_trace(net),
        }
        assert_same(net, ways[way]())


@pytest.mark.filterwarnings("ignore:.torch.jit.*deprecated:FutureWarning")
def test_transforms_and_replaced_parameters_reach_it() -> None:
    model, fused = pair()
    parameters = {name: p.detach() * 2 for name, p in model.named_parameters()}
    calls = [
        lambda net: torch.func.functional_call(net, parameters, (X,)),
        lambda net: torch.func.vmap(net)(X[:, None]),
        lambda net: torch.func.grad(lambda x: net(x).sum())(X),
        lambda net: torch.func.jvp(net, (X,), (X,))[1],
    ]
    for call in calls:
        torch.testing.assert_close(call(fused), call(model), rtol=1e-4, atol=1e-5)


FAMILIES = {
    **{"alexnet": (64, 3), "vgg11_bn": (32, 5), "squeezenet1_1": (64, 1), "resnet18": (32, 1)},
    **{"densenet121": (32, 1), "googlenet": (64, 2), "shufflenet_v2_x0_5": (32, 1)},
    **{"inception_v3": (96, 2), "mobilenet_v2": (32, 0)},
}


@pytest.mark.parametrize("name", FAMILIES)
def test_models_of_torchvision_are_equal_in_both_modes(name: str) -> None:
    side, blocks = FAMILIES[name]
    torch.manual_seed(0)
    options = {}
    if name in ("googlenet", "inception_v3"):
        options = {"init_weights": False, "aux_logits": False}
    model = torchvision.models.get_model(name, weights=None, num_classes=10, **options)
    fused, report = cnnkit.fuse(model)
    assert len(report.fused) == blocks
    x = torch.rand(2, 3, side, side)
    for training in (False, True):
        found = []
        for net in (model, fused):
            torch.manual_seed(0)
            net.train(training)
            with torch.no_grad(), observe_calls() as calls:
                y = net(x)
            found.append(y if isinstance(y, Tensor) else y[0])
            if not training and name != "googlenet":  # where ceil_mode adds a window
                assert len(calls) == (blocks if net is fused else 0)
        torch.testing.assert_close(found[1], found[0], rtol=1e-3, atol=1e-3)


def test_a_compiled_model_reports_its_blocks() -> None:
    torch._dynamo.reset()
    model = Net().eval()
    compiled = torch.compile(model, backend=compile_graph)
    with torch.no_grad(), observe_calls() as calls:
        torch.testing.assert_close(compiled(X), model(X))
        model.conv.weight.data.mul_(2)
        torch.testing.assert_close(compiled(X), model(X))
    assert len(calls) == 2
    (block,) = compile_reports()[-1].fused
    assert block.operations == "conv2d → batch_norm → relu → max_pool2d"


def test_torch_compile_knows_the_backend_by_name() -> None:
    assert torch._dynamo.lookup_backend("cnnkit") is compile_graph
