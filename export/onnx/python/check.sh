#!/bin/sh
# Compare this host app's predictions with PyTorch's: check.sh FOLDER, for example the folder check
set -eu
here=$(cd "$(dirname "$0")" && pwd)
set -- "${1:-$here/check}"
exec "${PYTHON:-python3}" "$here/check_program.py" onnx/python "$1" png \
    "${PYTHON:-python3}" "$here/classify.py" "$(cd "$1" && pwd)/mnist.onnx"
