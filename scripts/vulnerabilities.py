"""Reads what `pip-audit --format json` found: `pip-audit ... | python scripts/vulnerabilities.py`.

pip-audit itself ends well where its database knows none of the packages, as behind an index that is only a mirror.
Exit 0: no known vulnerability; 1: some; 2: packages were not looked at, so nothing is said about them.
"""
# ruff: noqa: INP001, T201 - a script for the terminal, in no package

import json
import sys


def main(report: str) -> int:
    """Print what was found."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        print("NOT AUDITED: pip-audit gave no report; its database needs the network")
        return 2
    skipped = [package for package in packages if "skip_reason" in package]
    known = [(package, flaw) for package in packages for flaw in package.get("vulns", ())]
    for package, flaw in known:
        mended = ", ".join(flaw.get("fix_versions") or ()) or "no version yet"
        print(f"vulnerable: {package['name']} {package['version']}: {flaw['id']}; mended in {mended}")
    if skipped or not packages:
        reason = skipped[0]["skip_reason"] if skipped else "no package was named"
        print(f"NOT AUDITED: {len(skipped)} of {len(packages)} packages; the first: {reason}")
    if known:
        return 1
    if skipped or not packages:
        return 2
    print(f"vulnerabilities: {len(packages)} packages, none known")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.stdin.read()))
