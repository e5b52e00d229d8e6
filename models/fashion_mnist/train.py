#!/usr/bin/python3
"""Train a small MobileNetV3-style network on Fashion-MNIST and export it to ONNX.

Reads the four IDX files of Fashion-MNIST (60,000 training and 10,000 test
images) from a folder and writes, into the output folder:

  mobilenet_v3_fashion.onnx            the network after the last epoch
  t10k-images/-labels ... .gz          the test set, copied as it is
  calibration-images/-labels ... .gz   1,000 training images, 100 a class
  dataset.json                         describes the test set
  dataset.calibration.json             describes the calibration images
  classes.txt                          the ten class names

Nothing is downloaded. The test set takes no part in training: there is no
early stopping and no choice among epochs, the last one is exported. The state
after every epoch is kept in the work folder; started again with the same
arguments, the script goes on from there.

    python3 train.py --data DIR --work DIR --out DIR
"""

import argparse
import gzip
import json
import math
import shutil
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

CLASSES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]  # fmt: skip

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
CAL_IMAGES, CAL_LABELS = "calibration-images-idx3-ubyte.gz", "calibration-labels-idx1-ubyte.gz"
MODEL = "mobilenet_v3_fashion.onnx"


# ---------------------------------------------------------------- IDX files


def read_idx(path):
    """An IDX file of unsigned bytes, gzipped, as a numpy array."""
    with gzip.open(path, "rb") as f:
        raw = f.read()
    if raw[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def write_idx(path, array):
    """Write a uint8 array as gzipped IDX, the same bytes every time."""
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(head + array.tobytes(), 9, mtime=0))


# ------------------------------------------------------------------ network


class SqueezeExcite(nn.Module):
    """Scale each channel by a gate computed from the means of all channels."""

    def __init__(self, channels, squeeze):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, squeeze, 1)
        self.relu = nn.ReLU()
        self.expand = nn.Conv2d(squeeze, channels, 1)
        self.gate = nn.Hardsigmoid()

    def forward(self, x):
        return x * self.gate(self.expand(self.relu(self.reduce(self.pool(x)))))


class ConvBN(nn.Module):
    """Convolution without bias, BatchNorm and, unless act is None, an activation."""

    def __init__(self, cin, cout, kernel, act, stride=1, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(cout)
        self.act = act() if act else None

    def forward(self, x):
        x = self.bn(self.conv(x))
        return self.act(x) if self.act else x


class Bottleneck(nn.Module):
    """Inverted residual: expand 1x1, depthwise, squeeze-excite, project 1x1."""

    def __init__(self, cin, kernel, mid, cout, squeeze, act, stride):
        super().__init__()
        self.expand = ConvBN(cin, mid, 1, act) if mid != cin else None
        self.depthwise = ConvBN(mid, mid, kernel, act, stride, groups=mid)
        self.se = SqueezeExcite(mid, squeeze) if squeeze else None
        self.project = ConvBN(mid, cout, 1, None)
        self.residual = stride == 1 and cin == cout

    def forward(self, x):
        y = self.expand(x) if self.expand else x
        y = self.depthwise(y)
        y = self.se(y) if self.se else y
        y = self.project(y)
        return x + y if self.residual else y


# input channels, kernel, expanded channels, output channels,
# squeeze channels (0: no squeeze-excite), activation, stride
BLOCKS = [
    (16, 3, 16, 16, 8, nn.ReLU, 2),
    (16, 3, 64, 24, 0, nn.ReLU, 1),
    (24, 3, 72, 24, 0, nn.ReLU, 1),
    (24, 5, 96, 40, 24, nn.Hardswish, 2),
    (40, 5, 120, 40, 32, nn.Hardswish, 1),
    (40, 5, 120, 48, 32, nn.Hardswish, 1),
]
STEM, HEAD, HIDDEN = 16, 144, 128


class MobileNetV3Fashion(nn.Module):
    def __init__(self, dropout=0.1):
        super().__init__()
        self.stem = ConvBN(1, STEM, 3, nn.Hardswish)
        for i, block in enumerate(BLOCKS, 1):
            self.add_module(f"block{i}", Bottleneck(*block))
        self.head = ConvBN(BLOCKS[-1][3], HEAD, 1, nn.Hardswish)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.hidden = nn.Linear(HEAD, HIDDEN)
        self.act = nn.Hardswish()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(HIDDEN, len(CLASSES))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out")
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x):
        x = self.stem(x)
        for i in range(1, len(BLOCKS) + 1):
            x = self.get_submodule(f"block{i}")(x)
        x = torch.flatten(self.pool(self.head(x)), 1)
        return self.classifier(self.dropout(self.act(self.hidden(x))))


def count_macs(model):
    """Multiply-accumulates of the convolutions and linear layers for one image."""
    total = 0

    def hook(m, _, out):
        nonlocal total
        per_output = m.weight[0].numel()  # kernel area x input channels of one group
        total += per_output * out[0].numel()

    hooks = [m.register_forward_hook(hook) for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, 1, 28, 28))
    for h in hooks:
        h.remove()
    return total


# ----------------------------------------------------------------- training


def augment(x, rng, shift):
    """Shift every image of a batch by up to `shift` pixels and mirror half of them."""
    n, h, w = x.shape
    x = F.pad(x, [shift] * 4)
    dy, dx = (torch.randint(0, 2 * shift + 1, (n, 1), generator=rng) for _ in range(2))
    flip = torch.rand(n, 1, generator=rng) < 0.5
    rows = torch.arange(h) + dy
    cols = torch.where(flip, torch.arange(w - 1, -1, -1), torch.arange(w)) + dx
    return x[torch.arange(n)[:, None, None], rows[:, :, None], cols[:, None, :]]


def learning_rate(step, warmup, total, peak):
    """Linear warm-up, then half a cosine down to zero."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


@torch.no_grad()
def count_correct(model, x, y, normalize):
    model.eval()
    return sum(
        int((model(normalize(xb)).argmax(1) == yb).sum()) for xb, yb in zip(x.split(500), y.split(500))
    )


def train(model, args, train_set, test_set, normalize, log):
    x, y = train_set
    decay = [p for p in model.parameters() if p.ndim > 1]
    no_decay = [p for p in model.parameters() if p.ndim <= 1]  # biases and BatchNorm
    opt = torch.optim.AdamW(
        [{"params": decay, "weight_decay": args.weight_decay}, {"params": no_decay, "weight_decay": 0.0}],
        lr=args.lr,
    )
    steps = len(x) // args.batch
    first, seconds = 0, 0.0
    state_file = args.work / "state.pt"
    if state_file.exists():
        state = torch.load(state_file)
        model.load_state_dict(state["model"])
        opt.load_state_dict(state["opt"])
        first, seconds = state["epoch"], state["seconds"]
        torch.set_rng_state(state["torch_rng"])  # dropout
        log(f"going on after epoch {first}")
    for epoch in range(first, args.epochs):
        # one generator per epoch: a resumed run sees the same batches
        rng = torch.Generator().manual_seed(args.seed * 1000 + epoch)
        order = torch.randperm(len(x), generator=rng)
        model.train()
        start, total_loss = time.time(), 0.0
        for i in range(steps):
            lr = learning_rate(epoch * steps + i, args.warmup * steps, args.epochs * steps, args.lr)
            for group in opt.param_groups:
                group["lr"] = lr
            pick = order[i * args.batch : (i + 1) * args.batch]
            out = model(normalize(augment(x[pick], rng, args.shift)))
            loss = F.cross_entropy(out, y[pick], label_smoothing=args.label_smoothing)
            opt.zero_grad(set_to_none=True)
            loss.backward()
            opt.step()
            total_loss += float(loss.detach())
            if args.max_steps and i + 1 == args.max_steps:
                log(f"{args.max_steps} steps: {time.time() - start:.1f} s of {steps} steps an epoch")
                return
        seconds += time.time() - start
        state = {"model": model.state_dict(), "opt": opt.state_dict(), "epoch": epoch + 1}
        state |= {"seconds": seconds, "torch_rng": torch.get_rng_state()}
        torch.save(state, state_file.with_suffix(".tmp"))
        state_file.with_suffix(".tmp").rename(state_file)
        correct = count_correct(model, *test_set, normalize)
        log(
            f"epoch {epoch + 1}/{args.epochs}  loss {total_loss / steps:.4f}  "
            f"test {correct}/{len(test_set[1])}  {seconds:.0f} s of training"
        )


# ------------------------------------------------------------------- output


def export(model, path):
    model.eval()
    torch.onnx.export(
        model,
        torch.zeros(2, 1, 28, 28),
        path,
        opset_version=17,
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
    )
    # The exporter folds each BatchNorm into its convolution and numbers the new
    # weights; name them after their node, as the ones it left alone are.
    graph = onnx.load(path)
    names = {}
    for node in graph.graph.node:
        for i, part in ((1, "weight"), (2, "bias")):
            if len(node.input) > i and node.input[i].startswith("onnx::"):
                scope = node.name.strip("/").rsplit("/", 1)[0].replace("/", ".")
                node.input[i] = names.setdefault(node.input[i], f"{scope}.{part}")
    for tensor in graph.graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path)


def write_dataset(path, images, labels, mean, std):
    description = {
        "format": "idx",
        "inputs": images,
        "labels": labels,
        "preprocessing": [{"type": "normalization", "mean": [mean], "std": [std]}],
        "layout": "NCHW",
        "classes": "classes.txt",
    }
    path.write_text(json.dumps(description, indent=2) + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--data", type=Path, required=True, help="folder with the four IDX files (.gz)")
    p.add_argument("--work", type=Path, required=True, help="folder for the log and the state after each epoch")
    p.add_argument("--out", type=Path, required=True, help="folder for the network and the data files")
    p.add_argument("--epochs", type=int, default=28)
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--lr", type=float, default=3e-3, help="peak learning rate")
    p.add_argument("--warmup", type=int, default=2, help="epochs of linear warm-up")
    p.add_argument("--weight-decay", type=float, default=0.05)
    p.add_argument("--label-smoothing", type=float, default=0.05)
    p.add_argument("--shift", type=int, default=2, help="largest random shift in pixels")
    p.add_argument("--seed", type=int, default=20261123)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--max-steps", type=int, default=0, help="stop early, to measure speed")
    args = p.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    def log(line):
        print(line, flush=True)
        with open(args.work / "train.log", "a") as f:
            f.write(line + "\n")

    images, labels = read_idx(args.data / TRAIN_IMAGES), read_idx(args.data / TRAIN_LABELS)
    test = read_idx(args.data / TEST_IMAGES), read_idx(args.data / TEST_LABELS)
    mean, std = round(float(images.mean()), 4), round(float(images.std()), 4)

    def normalize(x):
        x = (x.unsqueeze(1).float() - mean) / std
        return x.contiguous(memory_format=torch.channels_last)

    def tensors(x, y):
        return torch.from_numpy(x.copy()), torch.from_numpy(y.astype(np.int64))

    model = MobileNetV3Fashion().to(memory_format=torch.channels_last)
    parameters = sum(q.numel() for q in model.parameters())
    log(f"{parameters} parameters, {count_macs(model)} multiply-accumulates an image, mean {mean}, std {std}")
    train(model, args, tensors(images, labels), tensors(*test), normalize, log)
    if args.max_steps:
        return

    export(model.to(memory_format=torch.contiguous_format), args.out / MODEL)
    rng = np.random.default_rng(args.seed)
    chosen = np.concatenate([rng.choice(np.flatnonzero(labels == c), 100, replace=False) for c in range(10)])
    rng.shuffle(chosen)
    write_idx(args.out / CAL_IMAGES, images[chosen])
    write_idx(args.out / CAL_LABELS, labels[chosen])
    for name in (TEST_IMAGES, TEST_LABELS):
        shutil.copyfile(args.data / name, args.out / name)
    write_dataset(args.out / "dataset.json", TEST_IMAGES, TEST_LABELS, mean, std)
    write_dataset(args.out / "dataset.calibration.json", CAL_IMAGES, CAL_LABELS, mean, std)
    (args.out / "classes.txt").write_text("".join(c + "\n" for c in CLASSES))


if __name__ == "__main__":
    main()
