#!/bin/sh
# Compare this host app's predictions with PyTorch's: check.sh FOLDER, for example the folder check
set -eu
here=$(cd "$(dirname "$0")" && pwd)
set -- "${1:-$here/check}"
# The variable keeps onnxruntime-node from downloading GPU libraries during installation.
[ -d "$here/node_modules" ] ||
    ONNXRUNTIME_NODE_INSTALL=skip npm install --prefix "$here" --no-audit --no-fund --no-package-lock >&2
exec node "$here/check.mjs" "$1"
