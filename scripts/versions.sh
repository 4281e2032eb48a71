#!/usr/bin/env bash
# Runs the quick tests with other versions than the tested ones:  scripts/versions.sh lowest|newest [pytest arguments]
#   lowest: the oldest that requirements-lite.txt allows; newest: what PyPI has today. Each in an environment of its own,
#   .venv-lowest or .venv-newest; the tools of the tests stay at their tested versions. Exit status: pytest's.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh
case "${1:-}" in
  lowest) resolution=lowest-direct ;;
  newest) resolution=highest ;;
  *) sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
environment=".venv-$1"
shift
find_python
install requirements-audit.txt .venv-audit
tools="$(grep -E '^(pytest|pytest-xdist|hypothesis|filelock|ir_measures|mcp|openai|psutil)==' constraints.txt)"
.venv-audit/bin/uv venv --quiet --allow-existing --python "$PYTHON" "$environment"
# shellcheck disable=SC2086  # one argument a tool
.venv-audit/bin/uv pip install --quiet --python "$environment/bin/python" --exact --upgrade --resolution "$resolution" \
  -r requirements-lite.txt $tools
.venv-audit/bin/uv pip list --python "$environment/bin/python" --format freeze > "$environment/versions.txt"
sed -n 's/^\([a-z][a-z0-9-]*\)[>=].*/\1/p' requirements-lite.txt | while read -r name; do grep -i "^$name==" "$environment/versions.txt"; done
[ $# -gt 0 ] || set -- tests/api tests/client tests/images tests/index tests/judgements tests/search tests/words tests/e2e/test_sample.py
# Packages warn of what they will change: here the question is whether they work.
exec "$environment/bin/python" -m pytest -W default "$@"
