#!/usr/bin/env bash
# From a fresh machine to a finished test run:  ./run_tests.sh [pytest arguments]
# Alone it runs all tests, in a process more than there are cores, as many tests wait for others that they started; with
# arguments it is pytest, in one process.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/environment.sh
find_python
install requirements-dev.txt
# Without bytecode every process would compile the product and the tests anew.
unset PYTHONDONTWRITEBYTECODE
# A file stays in one process: its tests may share what is costly to make. tests/conftest.py has the order of the files.
processes=$(.venv/bin/python -c 'import os; print(min(4, 1 + (os.cpu_count() or 1)))')
[ $# -gt 0 ] || set -- --numprocesses "$processes" --dist loadfile --no-loadscope-reorder
exec .venv/bin/python -m pytest "$@"
