"""Arrays and strings as C text, exact in both directions: `floats("bias", values)`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH = 100
ARRAY = re.compile(
    r"^static const (?P<type>float|uint8_t|int8_t|int32_t) (?P<name>\w+)\[(?P<size>\d+)\] = "
    r"\{(?P<values>[^;]*)\};$",
    re.MULTILINE,
)


def array(kind: str, name: str, values: Iterable[float]) -> str:
    """Return the definition of a constant array of "float" or of integers, such as "uint8_t"."""
    numbers = [float_text(float(value)) if kind == "float" else str(int(value)) for value in values]
    return f"static const {kind} {name}[{len(numbers)}] = {{\n{filled(numbers, ', ')}\n}};\n"


def filled(items: Iterable[str], separator: str, indent: int = 4) -> str:
    """Return items in lines of at most `WIDTH` characters; none is broken."""
    lines: list[str] = []
    line: list[str] = []
    room, used = WIDTH - indent - len(separator), 0
    for item in items:
        if line and used + len(item) >= room:
            lines.append(separator.join(line) + separator.rstrip())
            line, used = [], 0
        used += len(item) + (len(separator) if line else 0)
        line.append(item)
    lines.append(separator.join(line))
    return "\n".join(" " * indent + line for line in lines)


def float_text(value: float) -> str:
    """Return a float32 as a hexadecimal constant, which every compiler reads to the same bits."""
    mantissa, _, exponent = value.hex().partition("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{int(exponent)}f"


def string(text: str) -> str:
    """Return a C string literal of UTF-8 bytes; only plain ASCII stands as it is."""
    return '"' + "".join(map(_escaped, text.encode())) + '"'


def character(byte: int) -> str:
    """Return a C character constant."""
    return f"'{_escaped(byte)}'"


def _escaped(byte: int) -> str:
    return chr(byte) if 0x20 <= byte < 0x7F and byte not in b"\"'\\?" else f"\\{byte:03o}"


def read_arrays(text: str) -> dict[str, NDArray[Any]]:
    """Return the arrays that `array` wrote, float32 or int64, by name.

    Raises:
        ValueError: one of them is damaged.
    """
    found: dict[str, NDArray[Any]] = {}
    for match in ARRAY.finditer(text):
        words = [word.strip() for word in match["values"].split(",")]
        values = (
            np.array([read_float(word) for word in words], np.float32)
            if match["type"] == "float"
            else np.array([int(word) for word in words], np.int64)
        )
        if len(values) != int(match["size"]):
            raise ValueError(f"{match['name']} has {len(values)} values")
        found[match["name"]] = values
    return found


def read_float(word: str) -> float:
    """Read what `float_text` wrote.

    Raises:
        ValueError: it is something else.
    """
    if not re.fullmatch(r"-?0x[01](\.[0-9a-f]{1,6})?p-?\d{1,3}f", word):
        raise ValueError(f"{word[:40]} is not a float of ours")
    return float.fromhex(word[:-1])
