#!/bin/sh
# Install Debian packages that a check needs: tools.sh chromium nlohmann-json3-dev
set -eu
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "This check needs $* (the names of Debian's packages). Install them and run it again."
    exit 3
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends "$@"
