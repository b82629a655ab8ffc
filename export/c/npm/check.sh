#!/bin/sh
# Compare this package, packed and installed, with PyTorch's predictions: check.sh FOLDER, for example the folder check
set -eu
here=$(cd "$(dirname "$0")" && pwd)
set -- "${1:-$here/check}"
build=${BUILD:-$(mktemp -d)}
[ -n "${BUILD:-}" ] || trap 'rm -rf "$build"' EXIT
for tool in clang wasm-ld make npm; do
    command -v $tool >/dev/null || { "$here/tools.sh" clang lld make npm >&2 && break; }
done
mkdir -p "$build/package" "$build/app"
cp -p "$here"/*.mjs "$here"/*.ts "$here"/*.md "$here"/*.json "$here"/exports.c "$here"/*.h "$here"/Makefile "$build/package"
for file in mnist.c mnist.h; do
    cmp -s "$1/$file" "$build/package/$file" || cp "$1/$file" "$build/package"
done
cp "$here/check.mjs" "$here/npy.mjs" "$build/app"
(cd "$build/package" && npm pack --silent --pack-destination "$build") >&2
npm install --prefix "$build/app" --offline --silent --no-audit --no-fund --no-save --no-package-lock "$build"/mnist-network-*.tgz >&2
node "$build/app/check.mjs" "$1"
