#!/bin/sh
# Build the page for any static web server:
#   build.sh ort mnist.onnx DIR    ONNX Runtime in the browser
#   build.sh wasm mnist.c DIR      the network compiled from C; mnist.h is beside mnist.c
set -eu
runtime=$1 model=$2 to=$3
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$to"
cp "$here"/page/* "$to"
cp "$here/runtimes/$runtime.mjs" "$to/runtime.mjs"
case $runtime in
ort)
    [ -d "$here/node_modules/onnxruntime-web" ] ||
        npm install --prefix "$here" --ignore-scripts --no-audit --no-fund --no-package-lock
    cp "$here/runtimes/onnx_file.mjs" "$to"
    for file in ort.wasm.min.mjs ort-wasm-simd-threaded.mjs ort-wasm-simd-threaded.wasm; do
        cp "$here/node_modules/onnxruntime-web/dist/$file" "$to"
    done
    cp "$model" "$to/model.onnx"
    ;;
wasm)
    compiled=$(mktemp -d)
    trap 'rm -rf "$compiled"' EXIT
    cp "$here"/runtimes/wasm/* "$model" "${model%.c}.h" "$compiled"
    make -s -C "$compiled" mnist.wasm recipe.mjs
    cp "$compiled/mnist.wasm" "$compiled/mnist.mjs" "$compiled/recipe.mjs" "$to"
    ;;
*)
    echo "build.sh: the runtime is ort or wasm, not $runtime" >&2
    exit 2
    ;;
esac
