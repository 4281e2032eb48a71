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

# Install requirement files into .venv at the tested versions; a stamp makes the second time free.
install() {
  local stamp file arguments=()
  [ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
  stamp=".venv/.installed-$(cat "$@" constraints.txt | cksum | tr ' ' '-')"
  [ ! -f "$stamp" ] || return 0
  for file in "$@"; do arguments+=(-r "$file"); done
  prefer_cpu_torch "$@"
  echo "Installing $* into .venv ..."
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "${arguments[@]}"
  touch "$stamp"
}

# Without an NVIDIA GPU take PyTorch's own CPU builds where their index can be reached: several GB less than CUDA's.
# Their dependencies come later from the usual index: PyTorch's may not carry the tested versions.
prefer_cpu_torch() {
  local index="${TORCH_INDEX_URL:-https://download.pytorch.org/whl/cpu}"
  grep -qs '^torch' "$@" || return 0
  [ "$(uname -s)" = Linux ] && ! command -v nvidia-smi > /dev/null || return 0
  .venv/bin/python -c 'import torch' 2> /dev/null && return 0
  "$PYTHON" -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=3)' "$index/torch/" 2> /dev/null || return 0
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps --index-url "$index" torch torchvision
}
