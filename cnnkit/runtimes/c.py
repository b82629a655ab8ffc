"""A C source of ours as a function in this process: `compiled = build(read_c(path))`.

It is compiled, together with a few lines that call it for a batch, by the C compiler of this
machine: the one that CC names, else cc, gcc or clang, with the options in CFLAGS.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError, MissingError
from cnnkit.formats.c.source import Source, read_c
from cnnkit.formats.contract import INPUT, quantisation
from cnnkit.formats.quantisation import digest
from cnnkit.runtimes.model import Model
from cnnkit.runtimes.prediction import Prediction
from cnnkit.system.subprocesses import exchange_folder

COMPILERS = ("cc", "gcc", "clang")
OPTIONS = ("-std=c99", "-O3", "-shared", "-fPIC")
BATCH = Template("""\
#include "$stem.h"

const int32_t batch_shape[4] = {
    ${MACRO}_CHANNELS, ${MACRO}_HEIGHT, ${MACRO}_WIDTH, ${MACRO}_CLASSES
};

void batch(const uint8_t *images, int64_t count, float *logits, float *probabilities,
           int64_t *label) {
    for (int64_t i = 0; i < count; ++i) {
        const uint8_t *image = images + i * ${MACRO}_PIXELS;
        ${name}_logits(image, logits + i * ${MACRO}_CLASSES);
        label[i] = ${name}_predict(image, probabilities + i * ${MACRO}_CLASSES);
    }
}
""")


@dataclass(frozen=True)
class Compiled:
    """A network that was compiled.

    Attributes:
        library: the code, loaded into this process.
        compiler: its first line about itself.
        channels, height, width, classes: as the header's macros say.
    """

    library: ctypes.CDLL
    compiler: str
    channels: int
    height: int
    width: int
    classes: int

    def __call__(self, images: NDArray[np.uint8]) -> Prediction:
        """Classify contiguous raw pixels, uint8 [N, C, H, W]."""
        count = len(images)
        result = Prediction(
            np.empty((count, self.classes), np.float32),
            np.empty((count, self.classes), np.float32),
            np.empty(count, np.int64),
        )
        addresses = (ctypes.c_void_p(array.ctypes.data) for array in result)
        self.library.batch(ctypes.c_void_p(images.ctypes.data), ctypes.c_int64(count), *addresses)
        return result

    @property
    def declared(self) -> dict[str, str]:
        """Types and shapes of input and outputs by name, as the compiled header has them."""
        pixels = f"{self.channels},{self.height},{self.width}"
        return {
            INPUT: f"uint8[N,{pixels}]",
            "logits": f"float32[N,{self.classes}]",
            "probabilities": f"float32[N,{self.classes}]",
            "label": "int64[N]",
        }


def build(source: Source) -> Compiled:
    """Compile a source of ours and load it.

    Raises:
        MissingError: there is no C compiler.
        InputError: the compiler refuses the source.
        StorageError: there is no room for temporary files.
    """
    command, about = find_compiler()
    with exchange_folder() as folder:
        for suffix, content in source.files.items():
            (folder / f"{source.path.stem}{suffix}").write_bytes(content)
        text = BATCH.substitute(stem=source.path.stem, name=source.name, MACRO=source.name.upper())
        # No stem begins with a dot, so this is no file of the source; and "./" keeps a compiler
        # from taking a name for an option.
        (folder / ".batch.c").write_text(text, encoding="utf-8")
        sources = ["./.batch.c", f"./{source.path.stem}.c"]
        chosen = shlex.split(os.environ.get("CFLAGS", ""))
        done = subprocess.run(
            [*command, *OPTIONS, *chosen, *sources, "-o", "library.so", "-lm"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            reason = next((line for line in done.stderr.splitlines() if "error" in line), "")
            raise InputError(
                source.path,
                f"is refused by {about} ({reason.strip() or f'exit code {done.returncode}'})",
                "look at the environment variables CC and CFLAGS: they choose compiler and options",
            )
        library = ctypes.CDLL(str(folder / "library.so"))  # stays loaded without its file
    shape = (ctypes.c_int32 * 4).in_dll(library, "batch_shape")
    return Compiled(library, about, *shape)


def find_compiler() -> tuple[list[str], str]:
    """Return the command of a C compiler, and what it calls itself.

    Raises:
        MissingError: there is none, or what CC names cannot be run.
    """
    chosen = shlex.split(os.environ.get("CC", ""))
    for command in [chosen] if chosen else [[name] for name in COMPILERS]:
        if shutil.which(command[0]):
            done = subprocess.run(
                [*command, "--version"],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
            first = next(iter(done.stdout.splitlines()), command[0])
            return command, first
    raise MissingError(
        f"CC={os.environ['CC']}" if chosen else "C compiler",
        "cannot be run" if chosen else "is not installed, and proving a C file needs one",
        "install gcc or clang (Debian: `apt-get install gcc`), or name one with CC",
    )


def load_c(path: Path, threads: int) -> Model:
    """Open a C source of ours, compiled by this machine's C compiler; it uses one thread."""
    source = read_c(path)
    compiled = build(source)
    quantised = bool(quantisation(source.metadata))
    return Model(
        path,
        "c-int8" if quantised else "c",
        compiled.compiler,
        source.metadata,
        source.weights,
        compiled.declared,
        compiled,
        {"tensors_sha256": digest(source.weights.graph.tensors)} if quantised else {},
    )
