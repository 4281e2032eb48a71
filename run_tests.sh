#!/usr/bin/env bash
# From a fresh machine to a finished test run:  ./run_tests.sh [pytest arguments]
set -euo pipefail
cd "$(dirname "$0")"
. scripts/environment.sh
find_python
install requirements.txt requirements-dev.txt
exec .venv/bin/python -m pytest "$@"
