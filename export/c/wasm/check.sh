#!/bin/sh
# Compare this host app's predictions with PyTorch's: check.sh FOLDER, for example the folder check
set -eu
here=$(cd "$(dirname "$0")" && pwd)
set -- "${1:-$here/check}"
build=${BUILD:-$(mktemp -d)}
[ -n "${BUILD:-}" ] || trap 'rm -rf "$build"' EXIT
for tool in clang wasm-ld make node; do
    command -v $tool >/dev/null || { "$here/tools.sh" clang lld make nodejs >&2 && break; }
done
cp -p "$here"/*.mjs "$here"/exports.c "$here"/*.h "$here"/Makefile "$build"
for file in mnist.c mnist.h; do
    cmp -s "$1/$file" "$build/$file" || cp "$1/$file" "$build"
done
make -s -C "$build" >&2
"${PYTHON:-python3}" "$here/check_program.py" c/wasm "$1" pgm \
    node "$build/classify.mjs" "$build/mnist.wasm"
