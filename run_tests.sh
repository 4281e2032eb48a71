#!/usr/bin/env bash
# From a fresh machine to a finished test run:  ./run_tests.sh [pytest arguments]
# Alone it runs all tests, in as many processes as there are cores (four at most); with arguments it is pytest, in one.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/environment.sh
find_python
install requirements-dev.txt
# Without bytecode every process would compile the product and the tests anew.
unset PYTHONDONTWRITEBYTECODE
# A file stays in one process: its tests may share what is costly to make. tests/conftest.py has the order of the files.
[ $# -gt 0 ] || set -- --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
exec .venv/bin/python -m pytest "$@"
