"""What `cnnkit COMMAND --help` ends with: commands as one would type them."""

from __future__ import annotations

EXAMPLES = {
    "train": (
        "cnnkit train",
        "cnnkit train --data signs --size 32 --channels 32,64 --lr 1e-3 --epochs 20",
        "cnnkit train --data signs --network resnet8 --lr 1e-3 --augment natural",
        "cnnkit train --resume runs/train/mnist-1 --epochs 60",
    ),
    "reproduce": ("cnnkit reproduce --seeds 5",),
    "sweep": (
        "cnnkit sweep --lr 1e-4,1e-3 --batch-size 16,64 --seeds 3 --epochs 5",
        "cnnkit sweep --random 20 --lr 1e-5..1e-2 --data signs",
    ),
    "eval": ("cnnkit eval", "cnnkit eval elsewhere.onnx --data photos --preprocess imagenet"),
    "predict": ("cnnkit predict runs/train/mnist-1 seven.png", "cnnkit predict net.onnx *.jpg"),
    "export": (
        "cnnkit export",
        "cnnkit export --format c --ram 64KB --flash 64KB -o signs.c",
        "cnnkit export elsewhere.onnx --preprocess imagenet --data photos --format c",
        "cnnkit export nets:Net --weights net.pt --preprocess unit --size 3x32x32",
    ),
    "embed": (
        "cnnkit embed --format c --host cortex-m -o firmware",
        "cnnkit embed net.onnx --host web -o page",
    ),
    "verify": (
        "cnnkit verify mnist.onnx mnist.c",
        "cnnkit verify net.onnx --against torchvision:resnet18 --preprocess imagenet",
    ),
    "bench": (
        "cnnkit bench",
        "cnnkit bench elsewhere.onnx --preprocess unit --peers onnxruntime --batch 1",
    ),
    "demo": ("cnnkit demo mnist.onnx --port 8080",),
    "doctor": (
        "cnnkit doctor",
        "cnnkit doctor elsewhere.onnx",
        "cnnkit doctor runs/train/signs-1 --data signs",
        "cnnkit doctor elsewhere.onnx --fix -o mended.onnx",
    ),
    "data": ("cnnkit data --dataset mnist --fetch",),
    "data check": ("cnnkit data check signs --no-report",),
    "runs": ("cnnkit runs",),
    "runs compare": ("cnnkit runs compare runs/train/mnist-1 runs/train/mnist-2",),
    "runs plot": ("cnnkit runs plot runs/train/mnist-1 runs/train/mnist-2",),
    "runs remove": ("cnnkit runs remove runs/train/mnist-1",),
}


def examples(command: str) -> str:
    """Return the end of a command's help, in Markdown."""
    return "\n\n".join(["Examples:", *(f"- `{words}`" for words in EXAMPLES[command])])
