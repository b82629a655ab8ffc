#!/bin/sh
# Compare this host app's predictions with PyTorch's: check.sh FOLDER, for example the folder check
set -eu
here=$(cd "$(dirname "$0")" && pwd)
set -- "${1:-$here/check}"
build=${BUILD:-$(mktemp -d)}
[ -n "${BUILD:-}" ] || trap 'rm -rf "$build"' EXIT
echo '#include <nlohmann/json.hpp>' | c++ -E -x c++ - >/dev/null 2>&1 ||
    "$here/tools.sh" nlohmann-json3-dev >&2
TORCH=$("${PYTHON:-python3}" -c 'import torch; print(torch.__path__[0])')
export TORCH
cp -p "$here"/*.c "$here"/*.cpp "$here"/*.h "$here"/*.mk "$here"/*.hpp "$here"/Makefile "$build"
make -s -C "$build" CXXFLAGS="-O1 -Wall -Wextra -Werror" >&2
"${PYTHON:-python3}" "$here/check_program.py" torchscript/cpp "$1" pgm \
    "$build/classify" "$(cd "$1" && pwd)/mnist.pt"
