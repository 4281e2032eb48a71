#!/usr/bin/env bash
# Audits what a requirements file installs:  scripts/audit.sh [requirements-lite.txt]  (default: requirements.txt)
#   known vulnerabilities by pip-audit, licences by the policy in scripts/licences.py, and build/sbom.json, the list of
#   all parts in the form of CycloneDX. The environment is made first where it is not there.
# Exit status: 0 all is well, 1 a vulnerability or a licence that is not allowed, 2 not all could be looked at.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh
requirements="${1:-requirements.txt}"
[ -f "locks/$requirements" ] || { echo "audit: there is no locks/$requirements" >&2; exit 2; }
find_python
install "$requirements"
install requirements-audit.txt .venv-audit
mkdir -p build
worst=0
worse() { [ "$1" -eq 0 ] || [ "$worst" -eq 1 ] || worst="$1"; }

# torch is in no lock (scripts/lock.sh says why): audited by its version.
pinned="$(mktemp)"
trap 'rm -f "$pinned"' EXIT
sed -n 's/^\([a-z0-9-]*==[^ ;]*\).*/\1/p' "locks/$requirements" > "$pinned"
[ "$requirements" = requirements-lite.txt ] || grep -E '^torch(vision)?==' constraints.txt >> "$pinned"
.venv-audit/bin/pip-audit --disable-pip --no-deps --progress-spinner off --format json -r "$pinned" 2> build/audit.log |
  .venv/bin/python scripts/vulnerabilities.py || worse "$?"
.venv/bin/python scripts/licences.py "locks/$requirements" || worse "$?"
.venv-audit/bin/cyclonedx-py environment --output-reproducible -o build/sbom.json .venv/bin/python 2>> build/audit.log || worse 2
echo "SBOM: build/sbom.json"
exit "$worst"
