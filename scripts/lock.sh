#!/usr/bin/env bash
# Writes locks/: what requirements*.txt need, all the way down, at the versions of constraints.txt, each with the SHA-256
# of every file of it on PyPI. Holds for all platforms. To be run after a change of either; a test compares them.
#   scripts/lock.sh [--upgrade]    --upgrade: first renew constraints.txt, the newest versions that fit together
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh
find_python
install requirements-audit.txt .venv-audit
compile=(.venv-audit/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate)

# torch's builds for CPU and for each CUDA have one version and other bytes, on other indexes: no hash fits them all.
# Its CUDA packages, which only some builds want, go with it.
without_torch() {
  awk '/^[a-z0-9]/ { keep = $1 !~ /^(torch|torchvision|triton|(nvidia|cuda)-[a-z0-9-]+)==/ } keep'
}

lock() {
  local target="locks/$1"
  shift
  { echo "# Made by scripts/lock.sh from $* and constraints.txt. Not in here: torch and torchvision."
    "${compile[@]}" --generate-hashes --constraints constraints.txt "$@" | without_torch; } > "$target.new"
  mv "$target.new" "$target"
  echo "$target: $(grep -c '==' "$target") packages"
}

if [ "${1:-}" = --upgrade ]; then
  { echo "# The versions that were tested together. locks/ has the hashes of their files: scripts/lock.sh."
    "${compile[@]}" --upgrade requirements.txt requirements-dev.txt | grep -Ev '^(triton|nvidia-|cuda-)'; } > constraints.new
  mv constraints.new constraints.txt
fi
lock requirements-lite.txt requirements-lite.txt
lock requirements.txt requirements.txt
lock requirements-dev.txt requirements.txt requirements-dev.txt
lock requirements-audit.txt requirements-audit.txt
