#!/bin/sh
# Make this folder's network and data files again, from Debian packages alone.
#
#     sh make.sh [WORK [OUT]]
#
# WORK keeps the log and the state after each epoch (a run that was cut off goes
# on from there); OUT receives the files. Without arguments both lie under the
# system's temporary folder, so nothing in the repository is overwritten.
# Needs Debian 12 and root for apt-get; takes about 45 minutes on one core.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
work=${1:-${TMPDIR:-/tmp}/fashion_mnist/work}
out=${2:-${TMPDIR:-/tmp}/fashion_mnist/out}

apt-get update
apt-get install -y --no-install-recommends \
    python3-torch python3-onnx python3-numpy dataset-fashion-mnist

data=$(dirname "$(dpkg -L dataset-fashion-mnist | grep '/train-images-idx3-ubyte.gz$')")

# Debian's own interpreter: another python3 on PATH would not see these packages
exec /usr/bin/python3 "$here/train.py" --data "$data" --work "$work" --out "$out"
