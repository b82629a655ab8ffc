#!/bin/sh
# Compare this host app's predictions with PyTorch's: check.sh FOLDER, for example the folder check
set -eu
here=$(cd "$(dirname "$0")" && pwd)
set -- "${1:-$here/check}"
build=${BUILD:-$(mktemp -d)}
[ -n "${BUILD:-}" ] || trap 'rm -rf "$build"' EXIT
echo '#include <nlohmann/json.hpp>' | c++ -E -x c++ - >/dev/null 2>&1 ||
    "$here/tools.sh" nlohmann-json3-dev >&2
# ORT_INCLUDE names the folder of ONNX Runtime's C++ headers. Without it they come from another project's npm package, of
# this version and content and no other. The library comes from ONNX Runtime's Python package.
if [ -z "${ORT_INCLUDE:-}" ]; then
    ORT_INCLUDE=$build/package/prebuilt/include/onnxruntime
    sha512=75ecffb5277ed89cc43b0ebb387b87734b48288f3850fbc962fe0e898055869c30bdd3a0126d5d1e55ccc7f0d06008ef74fddd43bbc2d3ef980ccb63c10a83d7
    [ -d "$ORT_INCLUDE" ] ||
        (cd "$build" && npm pack --silent @siteed/sherpa-onnx.rn@1.3.1 >&2 &&
            echo "$sha512  $(ls ./*.tgz)" | sha512sum --check --quiet >&2 && tar xzf ./*.tgz package/prebuilt)
fi
ORT_LIBRARY=$("${PYTHON:-python3}" -c 'from pathlib import Path; import onnxruntime
print(next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*")))')
export ORT_INCLUDE ORT_LIBRARY
cp -p "$here"/*.c "$here"/*.cpp "$here"/*.h "$here"/*.mk "$here"/*.hpp "$here"/Makefile "$build"
make -s -C "$build" CXXFLAGS="-O1 -Wall -Wextra -Werror" >&2
"${PYTHON:-python3}" "$here/check_program.py" onnx/cpp-onnxruntime "$1" pgm \
    "$build/classify" "$(cd "$1" && pwd)/mnist.onnx"
