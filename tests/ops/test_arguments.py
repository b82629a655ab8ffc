"""Arrays that lie anywhere in memory are copied or refused; numbers out of range are named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.errors import InputError
from cnnkit.ops import Conv2d, ConvReLUPool, conv_relu_pool

RNG = np.random.default_rng(0)
X = RNG.random((2, 1, 28, 28), np.float32)
WEIGHT, BIAS = RNG.random((4, 1, 3, 3), np.float32), RNG.random(4, np.float32)
RESIDUAL = RNG.random((2, 4, 26, 26), np.float32)
IMAGES = RNG.integers(0, 256, (3, 1, 28, 28), np.uint8)
LABELS, ORDER = np.arange(3, dtype=np.uint8), np.arange(3)
COUNT = 2_710  # parameters of the published network
PARAMETERS, ZEROS = RNG.random(COUNT, np.float32) / 10, np.zeros(COUNT, np.float32)
TABLE = np.full((3, 8), 256, np.int32)


def misaligned(array: NDArray[Any]) -> NDArray[Any]:
    """Return the same values from an odd address."""
    memory = np.empty(array.nbytes + 1, np.uint8)
    there = memory[1:].view(array.dtype).reshape(array.shape)
    there[...] = array
    assert not there.flags.aligned
    return there


def trained(parameters: Any, mean: Any, square: Any, order: Any) -> Any:
    trainer = _core.NetworkTrainer(IMAGES, LABELS, parameters, mean, square, 0)
    return trainer.train(order, 2, 0.1)[0], trainer.state()[0]


# What is called, and the arrays that it reads.
CALLS: dict[str, tuple[Callable[..., Any], tuple[NDArray[Any], ...]]] = {
    "ConvReLUPool": (lambda x, w, b: ConvReLUPool(w, b)(x), (X, WEIGHT, BIAS)),
    "conv_relu_pool": (conv_relu_pool, (X, WEIGHT, BIAS)),
    "Conv2d": (lambda x, w, b, r: Conv2d(w, b)(x, r), (X, WEIGHT, BIAS, RESIDUAL)),
    "Network": (lambda p, x: _core.Network(p)(x), (PARAMETERS, X)),
    "log_probabilities": (lambda p, x: _core.Network(p).log_probabilities(x), (PARAMETERS, X)),
    "augment": (lambda o, t: _core.augment(IMAGES, o, t, "black"), (ORDER, TABLE)),
    "NetworkTrainer": (trained, (PARAMETERS, ZEROS, ZEROS, ORDER)),
}


@pytest.mark.parametrize("name", CALLS)
def test_misaligned_arrays_give_the_same_bits(name: str) -> None:
    call, arrays = CALLS[name]
    expected, found = call(*arrays), call(*map(misaligned, arrays))
    if not isinstance(expected, tuple):
        expected, found = (expected,), (found,)
    for a, b in zip(expected, found, strict=True):
        assert np.array_equal(a, b)


LOGITS, LABEL = np.empty((2, 10), np.float32), np.empty(2, np.int64)
WRITTEN: dict[str, Callable[[], Any]] = {
    "ConvReLUPool": lambda: ConvReLUPool(WEIGHT)(
        X, out=misaligned(np.empty((2, 4, 13, 13), np.float32))
    ),
    "Conv2d": lambda: Conv2d(WEIGHT)(X, out=misaligned(RESIDUAL)),
    "logits": lambda: _core.Network(PARAMETERS)(X, 1, (misaligned(LOGITS), LOGITS, LABEL)),
    "label": lambda: _core.Network(PARAMETERS)(X, 1, (LOGITS, LOGITS.copy(), misaligned(LABEL))),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_misaligned_arrays_to_write_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not aligned in memory"):
        WRITTEN[name]()


OPERATOR, CONVOLUTION, NETWORK = ConvReLUPool(WEIGHT), Conv2d(WEIGHT), _core.Network(PARAMETERS)
THREADED: dict[str, Callable[[Any], Any]] = {
    "ConvReLUPool": lambda threads: OPERATOR(X, threads=threads),
    "conv_relu_pool": lambda threads: conv_relu_pool(X, WEIGHT, threads=threads),
    "Conv2d": lambda threads: CONVOLUTION(X, threads=threads),
    "Network": lambda threads: NETWORK(X, threads),
    "log_probabilities": lambda threads: NETWORK.log_probabilities(X, threads),
    "augment": lambda threads: _core.augment(IMAGES, ORDER, TABLE, "black", threads),
}


@pytest.mark.parametrize("name", THREADED)
@pytest.mark.parametrize("threads", [2**31, 2**40, 2**70, 0, -1, "2", 1.5])
def test_a_number_of_threads_that_cannot_be_is_named(name: str, threads: Any) -> None:
    with pytest.raises(InputError, match="threads: is ") as caught:
        THREADED[name](threads)
    assert str(threads) in str(caught.value)


NAMED: dict[str, Callable[[Any], Any]] = {
    "ConvReLUPool": lambda isa: ConvReLUPool(WEIGHT, isa=isa),
    "Conv2d": lambda isa: Conv2d(WEIGHT, isa=isa),
    "Network": lambda isa: _core.Network(PARAMETERS, isa),
}


@pytest.mark.parametrize("name", NAMED)
def test_an_instruction_set_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="isa: is 3"):
        NAMED[name](3)
    with pytest.raises(InputError, match="avx9"):
        NAMED[name]("avx9")


@pytest.mark.parametrize("make", [ConvReLUPool, Conv2d])
@pytest.mark.parametrize("precision", [3, None, "exact"])
def test_a_precision_that_is_none_is_refused(make: Any, precision: Any) -> None:
    with pytest.raises(InputError, match="precision: is "):
        make(WEIGHT, precision=precision)


def test_a_trainer_names_the_number_that_is_wrong() -> None:
    state = PARAMETERS, ZEROS, ZEROS
    with pytest.raises(InputError, match="steps: is 1180591620717411303424"):
        _core.NetworkTrainer(IMAGES, LABELS, *state, 2**70)
    trainer = _core.NetworkTrainer(IMAGES, LABELS, *state, 0)
    with pytest.raises(InputError, match="batch_size: is 'two'"):
        trainer.train(ORDER, "two", 0.1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="learning_rate: is None"):
        trainer.train(ORDER, 2, None)  # type: ignore[arg-type]


SUB_INTERPRETER = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
code = '''
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
loader = ExtensionFileLoader("cnnkit._core", {path!r})
try:
    loader.exec_module(module_from_spec(spec_from_loader("cnnkit._core", loader)))
except ImportError as error:
    print(error, flush=True)
'''
try:
    new = interpreters.create("legacy")
except TypeError:
    new = interpreters.create(isolated=False)
interpreters.run_string(new, code)
"""


def test_a_sub_interpreter_is_told_that_it_cannot_import_the_extension() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SUB_INTERPRETER.format(path=_core.__file__)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "supports no sub-interpreter; import it in the main one" in done.stdout, done.stderr
