# Shared by quickstart.sh and run_tests.sh: find Python, read settings, fill .venv. Sourced, not run.
# shellcheck shell=bash

# Set PYTHON to an interpreter that is new enough.
find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
      PYTHON="$candidate"
      return
    fi
  done
  echo "Python 3.11 or newer with venv is needed (on Debian and Ubuntu: apt install python3 python3-venv)" >&2
  exit 2
}

# Print the value of a setting: from the environment, else from .env.
setting() {
  local value="${!1:-}"
  if [ -z "$value" ] && [ -f .env ]; then value="$(sed -n "s/^$1=//p" .env | tail -n 1 | sed "s/^[\"']//; s/[\"']\$//")"; fi
  printf '%s' "$value"
}

# Install what a requirements file needs, by its lock, into .venv or another environment; a stamp makes the second time free.
# The lock is complete: nothing is looked for beside it, and a file with other bytes than it says is refused.
install() {
  local environment="${2:-.venv}" stamp
  [ -x "$environment/bin/python" ] || "$PYTHON" -m venv "$environment"
  stamp="$environment/.installed-$(cat "locks/$1" constraints.txt | cksum | tr ' ' '-')"
  [ ! -f "$stamp" ] || return 0
  echo "Installing $1 into $environment ..."
  "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "locks/$1"
  case "$1" in requirements.txt | requirements-dev.txt) install_torch ;; esac
  touch "$stamp"
}

# torch is told by its version alone: its builds for CPU and CUDA share that and differ in their bytes.
install_torch() {
  prefer_cpu_torch
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch torchvision
}

# Without an NVIDIA GPU take PyTorch's own CPU builds where their index can be reached: several GB less than CUDA's.
# What they depend on is there already, out of the lock.
prefer_cpu_torch() {
  local index="${TORCH_INDEX_URL:-https://download.pytorch.org/whl/cpu}"
  [ "$(uname -s)" = Linux ] && ! command -v nvidia-smi > /dev/null || return 0
  .venv/bin/python -c 'import torch' 2> /dev/null && return 0
  "$PYTHON" -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=3)' "$index/torch/" 2> /dev/null || return 0
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps --index-url "$index" torch torchvision
}
