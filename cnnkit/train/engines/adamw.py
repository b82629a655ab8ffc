"""PyTorch's fused AdamW without its class: `FusedAdamW(parameters, 1e-4, 0.0).step()`."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor
from torch.optim.adamw import adamw


class FusedAdamW:
    """`torch.optim.AdamW(parameters, fused=True)`, to the bit.

    PyTorch's own class loads its compiler, which takes as long as loading PyTorch itself.

    Args:
        parameters: what is trained. Before the first step, each needs an entry in `state`.
        learning_rate: of the next step.
        weight_decay: decoupled from the gradient; 0 is Adam.
    """

    def __init__(
        self, parameters: Iterable[Tensor], learning_rate: float, weight_decay: float
    ) -> None:
        self.parameters = list(parameters)
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.state: dict[Tensor, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self) -> None:
        """Update what has a gradient, and its state."""
        pairs = [(p, p.grad) for p in self.parameters if p.grad is not None]
        states = [self.state[parameter] for parameter, _ in pairs]
        adamw(
            [parameter for parameter, _ in pairs],
            [gradient for _, gradient in pairs],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            eps=1e-8,
            maximize=False,
        )
