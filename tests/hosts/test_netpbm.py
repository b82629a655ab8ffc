"""The host apps in C and JavaScript read PGM, PPM and PAM files, or say what is wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

HERE, EXPORT = Path(__file__).parent, Path(__file__).parents[2] / "export"
NO_PICTURE = "is not a binary PGM, PPM or PAM file"
DAMAGED, DEEP, OTHER = "has a damaged header", "has other than 8 bits a sample", "PAM header"
PAM = b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"

# A file's bytes; its channels, height, width and the sum of its samples, or what is wrong.
FILES: dict[str, tuple[bytes, str]] = {
    "gray": (b"P5\n3 2\n255\n" + bytes(range(6)), "1 2 3 15"),
    "rgb": (b"P6 1 2 255 " + bytes(range(6)), "3 2 1 15"),
    "comments": (b"P5# 9\n#8 8\r\n3\t#x\n2 # 7\n255\n" + bytes(range(6)), "1 2 3 15"),
    "pixels that look like spaces": (b"P5 2 1 255\n\n#", "1 1 2 45"),
    "another picture behind it": (b"P5 1 1 255\n\7P5 1 1 255\n\7", "1 1 1 7"),
    "rgba": (PAM + bytes(range(8)), "4 1 2 28"),
    "pam in another order": (
        b"P7\n# 1\nDEPTH 2\nMAXVAL 255\nHEIGHT 1\nWIDTH 1\nENDHDR\nab",
        "2 1 1 195",
    ),
    "nothing": (b"", NO_PICTURE),
    "two bytes": (b"P5", NO_PICTURE),
    "a png": (b"\x89PNG\r\n\x1a\n", NO_PICTURE),
    "a text pgm": (b"P2\n1 1\n255\n7\n", NO_PICTURE),
    "no size": (b"P5\n", DAMAGED),
    "a comment without end": (b"P5\n# 3 2 255", DAMAGED),
    "a size of zero": (b"P5\n0 2\n255\n", DAMAGED),
    "a negative size": (b"P5\n-3 2\n255\n" + bytes(6), DAMAGED),
    "a size of twenty digits": (b"P5\n18446744073709551617 1\n255\n\0", DAMAGED),
    "a header without end": (b"P5\n1 1\n255", DAMAGED),
    "letters behind the header": (b"P5\n1 1\n255x", DAMAGED),
    "16 bits": (b"P5\n1 1\n65535\n\0\0", DEEP),
    "4 bits": (b"P5\n1 1\n15\n\0", DEEP),
    "50,000 x 50,000": (b"P6\n50000 50000\n255\n", "has too many pixels"),
    "cut off": (b"P6\n2 2\n255\n" + bytes(11), "is cut off"),
    "no pixels": (b"P5\n2 2\n255\n", "is cut off"),
    "pam cut off": (PAM + bytes(7), "is cut off"),
    "pam without end": (PAM[:-8], OTHER),
    "pam without depth": (PAM.replace(b"DEPTH 4", b"") + bytes(8), OTHER),
    "pam of five channels": (PAM.replace(b"DEPTH 4", b"DEPTH 5") + bytes(10), OTHER),
    "pam of another type": (PAM.replace(b"RGB_ALPHA", b"CMYK") + bytes(8), OTHER),
    "pam whose type contradicts": (PAM.replace(b"DEPTH 4", b"DEPTH 3") + bytes(8), OTHER),
    "pam with a long word": (PAM.replace(b"TUPLTYPE", b"TUPLTYPE" * 9) + bytes(8), OTHER),
    "pam without height": (PAM.replace(b"HEIGHT 1", b"") + bytes(8), DAMAGED),
}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> str:
    program = tmp_path_factory.mktemp("reader") / "read_netpbm"
    flags = "-std=c99 -O1 -Wall -Wextra -Wpedantic -Werror -fno-sanitize-recover=all"
    sources = [str(HERE / "read_netpbm.c"), str(EXPORT / "netpbm.c")]
    sanitizers = "-fsanitize=undefined,address"
    command = ["cc", *flags.split(), sanitizers, f"-I{EXPORT}", *sources, "-o", str(program)]
    subprocess.run(command, check=True, timeout=300)
    return str(program)


@pytest.mark.parametrize("language", ["c", "javascript"])
def test_a_file_is_read_or_its_fault_is_named(language: str, reader: str, tmp_path: Path) -> None:
    command = [reader] if language == "c" else ["node", str(HERE / "read_netpbm.mjs")]
    for i, (content, _) in enumerate(FILES.values()):
        (tmp_path / f"{i}").write_bytes(content)
    paths = [str(tmp_path / f"{i}") for i in range(len(FILES))]
    done = subprocess.run([*command, *paths], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(FILES)
    wrong = {
        name: (line, expected)
        for line, (name, (_, expected)) in zip(lines, FILES.items(), strict=True)
        if (expected not in line if expected == OTHER else line != expected)
    }
    assert not wrong
