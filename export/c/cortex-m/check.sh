#!/bin/sh
# Compare this host app's predictions with PyTorch's: check.sh FOLDER, for example the folder check
# CPU names the processor, as for make.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
set -- "${1:-$here/check}"
build=${BUILD:-$(mktemp -d)}
[ -n "${BUILD:-}" ] || trap 'rm -rf "$build"' EXIT
for tool in arm-none-eabi-gcc qemu-system-arm make; do
    command -v $tool >/dev/null ||
        { "$here/tools.sh" gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm make >&2 && break; }
done
cp -p "$here"/*.[ch] "$here"/board.ld "$here"/classify.sh "$here"/Makefile "$build"
for file in mnist.c mnist.h; do
    cmp -s "$1/$file" "$build/$file" || cp "$1/$file" "$build"
done
make -s -C "$build" CPU="${CPU:-cortex-m4}" CFLAGS="-O2 -Wall -Wextra -Werror" >&2
"${PYTHON:-python3}" "$here/check_program.py" c/cortex-m "$1" pgm "$build/classify.sh"
