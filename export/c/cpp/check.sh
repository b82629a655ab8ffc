#!/bin/sh
# Compare this host app's predictions with PyTorch's: check.sh FOLDER, for example the folder check
set -eu
here=$(cd "$(dirname "$0")" && pwd)
set -- "${1:-$here/check}"
build=${BUILD:-$(mktemp -d)}
[ -n "${BUILD:-}" ] || trap 'rm -rf "$build"' EXIT
command -v c++ >/dev/null && command -v make >/dev/null || "$here/tools.sh" g++ make >&2
cp -p "$here"/*.c "$here"/*.cpp "$here"/*.h "$here"/*.mk "$here"/*.hpp "$here"/Makefile "$build"
for file in mnist.c mnist.h; do
    cmp -s "$1/$file" "$build/$file" || cp "$1/$file" "$build"
done
make -s -C "$build" CFLAGS="-O2 -Wall -Wextra -Werror" CXXFLAGS="-O1 -Wall -Wextra -Wpedantic -Werror" >&2
"${PYTHON:-python3}" "$here/check_program.py" c/cpp "$1" pgm "$build/classify"
