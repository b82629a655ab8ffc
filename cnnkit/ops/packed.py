"""What operators with packed weights share: copies and pickles of them."""

from __future__ import annotations

from typing import Any, Self


class Packed:
    """An operator whose weights never change: a copy is the operator itself.

    It is made in __new__ rather than in __init__, so that none without a kernel can exist, and is
    pickled by what it was made of.
    """

    _given: tuple[tuple[Any, ...], dict[str, Any]]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        pass

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return make_again, (type(self), *self._given)


def make_again(kind: type[Any], positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Return an operator made of these arguments, as pickle needs it."""
    return kind(*positional, **named)
