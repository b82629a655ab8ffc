"""Several Python threads, several threads of the kernels, and forked processes."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cnnkit import ops
from cnnkit.nn.conv_relu_pool import ConvReLUPool2d
from cnnkit.ops.cases import LARGE_CASES, REFERENCE_BLOCKS

# What a child process of this many-threaded one does is what these tests are about.
forks = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

X, WEIGHT, BIAS = REFERENCE_BLOCKS[0].arrays()
MANY = np.concatenate([X] * 8)  # enough work for several threads


def operation() -> ops.ConvReLUPool:
    return ops.ConvReLUPool(WEIGHT, BIAS, padding=1)


def in_child(work: Any) -> NDArray[Any]:
    """Return what a forked process computes; fail if it hangs."""
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    child = os.fork()
    if child == 0:  # nothing of pytest may run here
        try:
            theirs.send(work())
        finally:
            os._exit(0)
    try:
        assert ours.poll(60), "the child process hangs"
        output: NDArray[Any] = ours.recv()
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    return output


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_one_operation_and_its_training_serve_many_python_threads_at_once(threads: int) -> None:
    shared = operation()
    expected = shared(MANY, threads=1)
    module = ConvReLUPool2d(1, 16, 3, padding=1)
    image = torch.from_numpy(X)

    def gradient() -> torch.Tensor:
        (found,) = torch.autograd.grad(module(image).square().sum(), module.weight)
        return found

    before = gradient()

    def work(i: int) -> bool:
        same = np.array_equal(shared(MANY, threads=threads), expected)
        same &= np.array_equal(shared(X[:1], threads=threads), expected[:1])
        return same and torch.equal(gradient(), before)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))


def test_a_long_call_lets_other_python_threads_run() -> None:
    case = LARGE_CASES[1]
    x, weight, bias = case.arrays()
    long = ops.ConvReLUPool(weight, bias, **case.parameters)
    images = np.concatenate([x] * 64)
    during: list[float] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            during.append(time.perf_counter())
            time.sleep(0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    begin = time.perf_counter()
    long(images, threads=1)
    end = time.perf_counter()
    done.set()
    watcher.join()
    middle = [t for t in during if begin + (end - begin) / 4 < t < end - (end - begin) / 4]
    assert middle, "no other thread ran while the kernel did"


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads in /proc")
def test_one_thread_means_no_other() -> None:
    code = """
import os
import numpy as np
from cnnkit import ops
from cnnkit.ops.cases import CASES, LARGE_CASES
before = len(os.listdir("/proc/self/task"))
for case in (*CASES, *LARGE_CASES):
    x, weight, bias = case.arrays()
    ops.ConvReLUPool(weight, bias, **case.parameters)(x, threads=1)
print(len(os.listdir("/proc/self/task")) - before)
x, weight, bias = LARGE_CASES[0].arrays()
ops.ConvReLUPool(weight, bias, padding=1)(x, threads=3)
print(len(os.listdir("/proc/self/task")) - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "2"]


@forks
def test_a_forked_process_has_threads_of_its_own() -> None:
    shared = operation()
    expected = shared(MANY, threads=2)
    assert np.array_equal(in_child(lambda: shared(MANY, threads=2)), expected)
    assert np.array_equal(shared(MANY, threads=2), expected)


@forks
def test_a_fork_while_others_compute_leaves_neither_process_waiting() -> None:
    shared = operation()
    expected = shared(MANY, threads=1)
    done = threading.Event()

    def compute() -> None:
        while not done.is_set():
            shared(MANY, threads=2)

    others = [threading.Thread(target=compute) for _ in range(2)]
    for thread in others:
        thread.start()
    try:
        for _ in range(10):
            assert np.array_equal(in_child(lambda: shared(MANY, threads=2)), expected)
    finally:
        done.set()
        for thread in others:
            thread.join()
    assert np.array_equal(shared(MANY, threads=2), expected)


@pytest.mark.parametrize("sleep", [0.0, 0.001])
def test_helpers_that_look_for_work_or_sleep_are_found(sleep: float) -> None:
    shared = operation()
    expected = shared(MANY, threads=1)
    for threads in (2, 3, 2, 5, 1, 2):
        for _ in range(20):
            assert np.array_equal(shared(MANY, threads=threads), expected)
            time.sleep(sleep)
