#!/bin/sh
# Run the firmware, on the processor that it was made for, in QEMU on pictures of its size: classify.sh digit.pgm another.pgm, or .ppm
# MODEL names the folder of mnist.h, as for make.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
firmware=$here/firmware.elf
size() { sed -n "s/^.define CNNKIT_MNIST_$1 //p" "${MODEL:-$here}/mnist.h"; }
width=$(size WIDTH) height=$(size HEIGHT) pixels=$(size PIXELS) format=P5 name=PGM
[ "$(size CHANNELS)" = 1 ] || { format=P6 name=PPM; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for picture; do
    head="$format $width $height 255 "
    [ "$(head -c ${#head} "$picture" | tr '\n' ' ')" = "$head" ] &&
        [ "$(wc -c <"$picture")" -eq $((${#head} + pixels)) ] ||
        { echo "$picture: is not a binary $name file of ${width}x$height pixels" >&2; exit 2; }
    tail -c "$pixels" "$picture" >>"$work/pictures.raw"
done
case $(cat "$here/cpu") in
    cortex-m3) board=mps2-an385 ;;
    cortex-m4) board=mps2-an386 ;;
    cortex-m7) board=mps2-an500 ;;
    cortex-m55) board=mps3-an547 ;;
    *) echo "QEMU has no board for $(cat "$here/cpu"): cortex-m3, -m4, -m7 and -m55 can be run" >&2; exit 2 ;;
esac
cd "$work"
# With this icount an instruction takes a nanosecond, and the 25 MHz clock ticks every 40 instructions.
qemu-system-arm -M $board -icount shift=0 -display none -semihosting-config enable=on,target=native \
    -kernel "$firmware" >answers 2>&1 || { status=$?; cat answers >&2; exit $status; }
tail -n 1 answers >&2
printf '%s:\n' "$@" | paste -d ' ' - answers | head -n $#
