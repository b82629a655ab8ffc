#!/bin/sh
# Compare this host app's predictions with PyTorch's: check.sh FOLDER, for example the folder check
set -eu
here=$(cd "$(dirname "$0")" && pwd)
set -- "${1:-$here/check}"
build=${BUILD:-$(mktemp -d)}
[ -n "${BUILD:-}" ] || trap 'rm -rf "$build"' EXIT
printf '#include <nlohmann/json.hpp>\n#include <opencv4/opencv2/dnn.hpp>\n#include <opencv4/opencv2/imgcodecs.hpp>\n' |
    c++ -E -x c++ -isystem /usr/include/opencv4 - >/dev/null 2>&1 ||
    "$here/tools.sh" nlohmann-json3-dev libopencv-dnn-dev libopencv-imgcodecs-dev >&2
cp -p "$here"/*.c "$here"/*.cpp "$here"/*.h "$here"/*.mk "$here"/*.hpp "$here"/Makefile "$build"
make -s -C "$build" CXXFLAGS="-O1 -Wall -Wextra -Werror" >&2
"${PYTHON:-python3}" "$here/check_program.py" onnx/cpp-opencv "$1" png \
    "$build/classify" "$(cd "$1" && pwd)/mnist.onnx"
