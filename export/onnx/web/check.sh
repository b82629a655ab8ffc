#!/bin/sh
# Compare the page's predictions with PyTorch's in a real browser: check.sh FOLDER, for example the folder check
# or those of a page that is already served: check.sh FOLDER URL
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- "$here/check"
[ -d "$here/node_modules" ] ||
    npm install --prefix "$here" --ignore-scripts --no-audit --no-fund --no-package-lock >&2
command -v chromium >/dev/null || "$here/tools.sh" chromium >&2
[ $# -eq 1 ] || exec node "$here/check.mjs" "$@"
pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
for tool in clang wasm-ld make; do
    command -v $tool >/dev/null || { "$here/tools.sh" clang lld make >&2 && break; }
done
"$here/build.sh" ort "$1/mnist.onnx" "$pages/ort" >&2
if [ -f "$1/mnist.c" ]; then
    "$here/build.sh" wasm "$1/mnist.c" "$pages/wasm" >&2
    node "$here/single.mjs" "$pages/wasm" "$pages/single.html"
fi
node "$here/check.mjs" "$1" "$pages"/*
