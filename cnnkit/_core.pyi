from collections.abc import Callable, Sequence
from typing import Any, type_check_only

import numpy as np
from numpy.typing import NDArray

def isa() -> str: ...
def available_isas() -> list[str]: ...
def measure_fma_peak(seconds: float) -> float: ...
def measure_bandwidth(seconds: float, bytes: int) -> float: ...
def augment(
    images: Any, order: Any, table: Any, border: str, threads: int = 1
) -> NDArray[np.uint8]: ...
def resample(picture: object, across: ResampleAxis, down: ResampleAxis) -> NDArray[np.uint8]: ...

@type_check_only
class _Pybind11Type(type): ...

class ResampleAxis(metaclass=_Pybind11Type):
    def __init__(self, first: Any, taps: Any, size: int) -> None: ...

class ConvReluPool(metaclass=_Pybind11Type):
    def __init__(
        self,
        weight: Any,
        bias: Any,
        stride: Any,
        padding: Any,
        pool_kernel: Any,
        pool_stride: Any,
        pool_padding: Any,
        precision: str,
        isa: str | None,
    ) -> None: ...
    @staticmethod
    def at(
        weight: int,
        sizes: Sequence[int],
        bias: int,
        stride: Any,
        padding: Any,
        pool_kernel: Any,
        pool_stride: Any,
        pool_padding: Any,
        precision: str,
    ) -> ConvReluPool: ...
    def __call__(self, x: Any, *, threads: int | None = None, out: Any = None) -> Any: ...
    def run(self, x: Any, threads: int, out: Any = None) -> NDArray[np.float32]: ...
    def run_at(
        self,
        x: int,
        images: int,
        channels: int,
        height: int,
        width: int,
        y: int,
        threads: int,
        indices: int = 0,
    ) -> None: ...
    def gradient_at(
        self,
        x: int,
        grad: int,
        indices: int,
        images: int,
        channels: int,
        height: int,
        width: int,
        dw: int,
        db: int,
        dx: int,
        threads: int,
    ) -> None: ...
    def output_size(self, height: int, width: int) -> list[int]: ...
    @property
    def algorithm(self) -> str: ...
    @property
    def isa(self) -> str: ...

class MemorySample(metaclass=_Pybind11Type):
    def __init__(self, places: Sequence[tuple[int, int]]) -> None: ...
    def is_unchanged(self) -> bool: ...

class TensorCall(metaclass=_Pybind11Type):
    def __init__(self, operation: ConvReluPool, weight: Any, bias: Any) -> None: ...
    def __call__(self, x: Any, weight: Any, bias: Any) -> Any: ...

def plain_call(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    pool_kernel: Any,
    pool_stride: Any,
    pool_padding: Any,
    precision: Any,
    threads: Any,
    /,
) -> Any: ...
def use_tensors(
    tensor: type,
    parameter: type,
    api: Any,
    special: Sequence[Callable[[], object]],
    forward_ad: object,
    grad_enabled: Callable[[], bool],
    threads: Callable[[], int],
) -> None: ...
def tensor_states(tensors: tuple[Any, ...]) -> bytes: ...
def tensor_digest(tensors: tuple[Any, ...]) -> int: ...
def is_unchanged(
    known: list[tuple[Any, type, list[tuple[tuple[Any, ...], bytes]]]],
    is_known: Callable[[Any], bool],
) -> bool: ...

class Conv2d(metaclass=_Pybind11Type):
    def __init__(
        self,
        weight: Any,
        bias: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: Any,
        activation: Any,
        pool_kernel: Any,
        pool_stride: Any,
        pool_padding: Any,
        precision: str,
        isa: str | None,
    ) -> None: ...
    def run(self, x: Any, residual: Any, threads: int, out: Any = None) -> NDArray[np.float32]: ...
    @property
    def algorithm(self) -> str: ...
    @property
    def isa(self) -> str: ...

class Inference(metaclass=_Pybind11Type):
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...  # only what derives from it has one
    def __call__(
        self, images: Any, threads: int = 1, out: Any = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]: ...
    def log_probabilities(self, images: Any, threads: int = 1) -> NDArray[np.float32]: ...

class Network(Inference):
    def __init__(
        self, parameters: Any, isa: str | None = None, architecture: Any = None
    ) -> None: ...
    @property
    def engine(self) -> str: ...

class SteppedNetwork(Inference):
    @property
    def algorithms(self) -> list[str]: ...
    def time_steps(self, image: Any, repeats: int) -> NDArray[np.int64]: ...

class ProgramNetwork(SteppedNetwork):
    def __init__(
        self,
        size: tuple[int, int, int],
        classes: int,
        steps: list[tuple[str, bytes, list[int], int]],
        constants: list[NDArray[np.float32]],
        sizes: list[int],
        offsets: list[int],
        arena: int,
        result: int,
        isa: str | None = None,
    ) -> None: ...
    @property
    def values(self) -> int: ...
    def run_at(self, images: int, count: int, result: int, threads: Any) -> None: ...

class ByteNetwork(SteppedNetwork):
    def __init__(
        self,
        size: tuple[int, int, int],
        classes: int,
        steps: list[tuple[str, bytes, list[int], int]],
        constants: list[bytes],
        sizes: list[int],
        offsets: list[int],
        arena: int,
        result: int,
        isa: str | None = None,
    ) -> None: ...
    @property
    def instructions(self) -> str: ...

class Training(metaclass=_Pybind11Type):
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...  # only what derives from it has one
    def train(
        self,
        order: Any,
        batch_size: int,
        learning_rate: float,
        weight_decay: float = 0.0,
        pixels: Any = None,
        threads: int = 1,
    ) -> tuple[NDArray[np.float32], int]: ...
    def gradients(self, order: Any) -> tuple[float, NDArray[np.float32], int]: ...
    def state(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], int]: ...

class NetworkTrainer(Training):
    def __init__(
        self,
        images: Any,
        labels: Any,
        parameters: Any,
        mean: Any,
        square: Any,
        steps: int,
        isa: str | None = None,
        architecture: Any = None,
        class_weights: Any = None,
        label_smoothing: float = 0.0,
    ) -> None: ...
    def run_parts(self, order: Any, parts: int, learning: bool) -> None: ...

class LayerTrainer(Training):
    def __init__(
        self,
        images: Any,
        labels: Any,
        parameters: Any,
        mean: Any,
        square: Any,
        steps: int,
        statistics: Any,
        layers: Any,
        size: tuple[int, int, int],
        classes: int,
        normalisation: tuple[Any, Any],
        seed: int,
        isa: str | None = None,
        class_weights: Any = None,
        label_smoothing: float = 0.0,
    ) -> None: ...
    def statistics(self) -> NDArray[np.float32]: ...
