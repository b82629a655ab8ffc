#!/bin/sh
# Compare this host's answers with PyTorch's: check.sh FOLDER (see export/README.md)
set -eu
exec "${PYTHON:-python3}" "$(dirname "$0")/check.py" "$1"
