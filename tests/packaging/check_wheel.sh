#!/usr/bin/env bash
# Builds the wheel in one clean virtual environment, installs it in another and asks the doctor,
# from outside the checkout; then the same where no C++ compiler works. Not part of pytest: it
# installs TensorFlow several times.
#
# Usage: tests/packaging/check_wheel.sh [PYTHON]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=${1:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_CONSTRAINT="$root/constraints.txt"

mkdir "$work/source"
git -C "$root" ls-files --cached --others --exclude-standard -z |
  tar -C "$root" --null --files-from=- --ignore-failed-read --create | tar -C "$work/source" -x
"$python" -m venv "$work/build"
"$python" -m venv "$work/run"
cd "$work"

check() {
  local name=$1 expected=$2
  shift 2
  build/bin/pip wheel --quiet --no-deps --wheel-dir "$name" ./source
  run/bin/pip install --quiet "$@" ./"$name"/gsf_tf-*.whl
  "$python" -m zipfile --list "$name"/gsf_tf-*.whl | grep -E '_gsf_tf_ops|_build_info' || true
  run/bin/python -m gsf_tf.doctor | tee "$name.txt"
  grep -F "$expected" "$name.txt"
}

# Draws the first batch of a paper's experiment: dry_run CONFIG WORKDIR FLAG...
dry_run() {
  ../run/bin/gsf-tf train --config="$1" --workdir="$2" --config.data.records=d/records \
    --config.augmentation.flip=0 --config.data.batch_size=2 --dry_run "${@:3}"
}

# The commands, with small clips: the demo to its end, and the papers' experiments up to a batch.
check_commands() {
  local wheel
  wheel=$(echo ./"$1"/gsf_tf-*.whl)
  run/bin/pip install --quiet "$wheel[train]"
  mkdir empty
  (
    cd empty
    ../run/bin/gsf-tf --help
    ../run/bin/gsf-tf demo --output=d --train_clips=2 --val_clips=1 --epochs=1
    dry_run rubiksnet:tiny_ssv1_8f rubiksnet
    # GSF's recipe has RandAugment, which the extra `train` leaves out.
    if dry_run gsf:resnet50_ssv1_8f gsf --config.model.weights= 2>gsf.txt; then exit 1; fi
    grep -F "pip install 'gsf_tf[augment]'" gsf.txt
    dry_run gsf:resnet50_ssv1_8f gsf --config.model.weights= --config.augmentation.rand_augment=0
  )
}

check compiled 'temporal_shift: compiled'
check_commands compiled
CXX=/bin/false check reference 'temporal_shift: reference' --force-reinstall --no-deps
run/bin/python -W error::UserWarning -c "
import os
os.environ['GSF_TF_OPS'] = 'reference'
import gsf_tf, numpy
gsf_tf.ops.temporal_shift(numpy.zeros((2, 4), 'float32'), 2, 1)
"
echo "check_wheel: passed"
