#!/bin/sh
# Train the published network and write it in every format of this folder.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
run=$(mktemp -d)
trap 'rm -rf "$run"' EXIT
cnnkit train --quiet -o "$run/mnist"
cp "$run/mnist/weights.safetensors" "$here"
for file in onnx:mnist.onnx torchscript:mnist.pt c:mnist.c; do
    cnnkit export --quiet --format "${file%:*}" -o "$here/${file#*:}" "$here/weights.safetensors"
done
