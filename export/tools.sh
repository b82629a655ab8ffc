#!/bin/sh
# Say which Debian packages a check needs: tools.sh chromium nlohmann-json3-dev; CNNKIT_INSTALL=1 lets root install them
set -eu
if [ "${CNNKIT_INSTALL:-}" != 1 ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "This check needs $* (the names of Debian's packages). Install them and run it again;"
    echo "with CNNKIT_INSTALL=1 it does so itself, where it is run by root on Debian or Ubuntu."
    exit 3
fi
export DEBIAN_FRONTEND=noninteractive
exec 9>/var/lock/cnnkit-tools
flock 9 # apt-get fails where another one is at work
apt-get update -q
apt-get install -y -q --no-install-recommends "$@"
