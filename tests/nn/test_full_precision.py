"""Autocast has no effect where modules are traced and compared, and its own effect elsewhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import torch

from cnnkit.nn.full_precision import full_precision


def computed_in() -> torch.dtype:
    with torch.autocast("cpu", torch.bfloat16):
        return torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype


def test_two_threads_may_leave_in_any_order() -> None:
    entered, left = Event(), Event()

    def second() -> list[torch.dtype]:
        with full_precision():
            entered.set()
            assert left.wait(60)
            inside = computed_in()
        return [inside, computed_in()]

    with ThreadPoolExecutor(1) as pool:
        with full_precision():
            found = pool.submit(second)
            assert entered.wait(60)
        outside = computed_in()
        left.set()
        assert found.result(60) == [torch.float32, torch.bfloat16]
    assert [outside, computed_in()] == [torch.bfloat16, torch.bfloat16]
