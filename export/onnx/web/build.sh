#!/bin/sh
# Make the page for any static web server: build.sh ort mnist.onnx DIR
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
*)
    echo "build.sh: the runtime is ort, not $runtime" >&2
    exit 2
    ;;
esac
