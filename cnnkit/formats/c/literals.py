"""Arrays and strings as C text, exact in both directions: `floats("bias", values)`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH = 100
LINE = 240  # bytes of a float array that one line of text holds
ARRAY = re.compile(
    r"^static const (?P<type>float|uint8_t|int8_t|int32_t) (?P<name>\w+)\[(?P<size>\d+)\] = "
    r"\{(?P<values>[^;]*)\};$",
    re.MULTILINE,
)

TEXT = Template("""\
static const union {
    char bytes[$bytes];
    float values[$size];
} text_$name = {
$lines};
static const float *const $name = text_$name.values;
""")
TEXT_START = re.compile(
    r"^static const union \{\n    char bytes\[\d+\];\n    float values\[(?P<size>\d+)\];\n"
    r"\} text_(?P<name>\w+) = \{\n",
    re.MULTILINE,
)
TEXT_END = "\n};\n"
BETWEEN = '"\n    "'
EDGES = (b'    "', b'"\n')


def array(kind: str, name: str, values: Iterable[float]) -> str:
    """Return the definition of a constant array of "float" or of integers, such as "uint8_t"."""
    numbers = [float_text(float(value)) if kind == "float" else str(int(value)) for value in values]
    return f"static const {kind} {name}[{len(numbers)}] = {{\n{filled(numbers, ', ')}\n}};\n"


def text_array(name: str, values: NDArray[Any]) -> str:
    """Return the definition of a constant array of float as the bytes of a string literal.

    GCC reads it eight times as fast as numbers, in a sixth of the memory. Its numbers are
    little-endian, and its literals longer than C99 promises, which both GCC and Clang take.
    """
    content = values.astype("<f4").tobytes()
    pieces = [
        _lines(np.frombuffer(content, np.uint8, min(LINE * 4096, len(content) - at), at))
        for at in range(0, len(content), LINE * 4096)
    ]
    return TEXT.substitute(
        name=name, size=values.size, bytes=len(content) + 1, lines="".join(pieces)
    )


def _lines(content: NDArray[np.uint8]) -> str:
    whole = len(content) - len(content) % LINE
    parts = []
    for part in (content[:whole].reshape(-1, LINE), content[whole:].reshape(1, -1)):
        if part.size:
            start, end = (np.tile(np.frombuffer(t, np.uint8), (len(part), 1)) for t in EDGES)
            text = np.concatenate([start, ESCAPES[part].reshape(len(part), -1), end], 1)
            parts.append(text[text != 0].tobytes().decode("ascii"))
    return "".join(parts)


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


# What a byte is in a string literal: itself, or an octal escape. Zeros are left out.
ESCAPES = np.array([list(_escaped(byte).encode().ljust(4, b"\0")) for byte in range(256)], np.uint8)


def read_arrays(text: str) -> dict[str, NDArray[Any]]:
    """Return the arrays that `array` wrote, float32 or int64, by name.

    Raises:
        ValueError: one of them is damaged.
    """
    found: dict[str, NDArray[Any]] = {}
    for match in ARRAY.finditer(text):
        words = [word.strip() for word in match["values"].split(",")]
        try:
            values = (
                np.array([read_float(word) for word in words], np.float32)
                if match["type"] == "float"
                else np.array([int(word) for word in words], np.int64)
            )
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{match['name']} has a value that is no number") from error
        if len(values) != int(match["size"]):
            raise ValueError(f"{match['name']} has {len(values)} values")
        found[match["name"]] = values
    for match in TEXT_START.finditer(text):
        end = text.find(TEXT_END, match.end())
        found[match["name"]] = _floats(text[match.end() : end], int(match["size"]))
    return found


def _floats(lines: str, size: int) -> NDArray[np.float32]:
    """Return the values in the lines of a string literal."""
    letters = np.frombuffer(lines.strip()[1:-1].replace(BETWEEN, "").encode("ascii"), np.uint8)
    at = np.flatnonzero(letters == ord("\\"))
    content, kept = letters.copy(), np.ones(len(letters), bool)
    digits = [letters[np.minimum(at + place, len(letters) - 1)] - ord("0") for place in (1, 2, 3)]
    content[at] = digits[0] * 64 + digits[1] * 8 + digits[2]
    for place in (1, 2, 3):
        kept[np.minimum(at + place, len(letters) - 1)] = False
    content = content[kept]
    if len(content) != 4 * size:
        raise ValueError(f"{len(content)} bytes of {size} floats")
    return content.view("<f4").astype(np.float32)


def read_float(word: str) -> float:
    """Read what `float_text` wrote.

    Raises:
        ValueError: it is something else.
    """
    if not re.fullmatch(r"-?0x[01](\.[0-9a-f]{1,6})?p-?\d{1,3}f", word):
        raise ValueError("it is not a float of ours")
    return float.fromhex(word[:-1])
