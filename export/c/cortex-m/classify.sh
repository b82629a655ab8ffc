#!/bin/sh
# Run the firmware in QEMU on 28x28 pictures: classify.sh digit.pgm another.pgm
set -eu
firmware=$(cd "$(dirname "$0")" && pwd)/firmware.elf
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for picture; do
    [ "$(head -c 12 "$picture" | tr '\n' ' ')" = "P5 28 28 255" ] ||
        { echo "$picture: is no binary PGM file of 28x28 pixels" >&2; exit 2; }
    tail -c 784 "$picture" >>"$work/pictures.raw"
done
cd "$work"
# With this icount an instruction takes a nanosecond, and the 25 MHz clock ticks every 40 instructions.
qemu-system-arm -M mps2-an386 -icount shift=0 -display none -semihosting-config enable=on,target=native \
    -kernel "$firmware" >answers 2>&1 || { status=$?; cat answers >&2; exit $status; }
tail -n 1 answers >&2
printf '%s:\n' "$@" | paste -d ' ' - answers | head -n $#
