"""`python -m benchmarks`: what can be measured; `python -m benchmarks NAME ...` measures it.

Speed benchmarks write `benchmarks/speed/results/NAME.json`; `python -m benchmarks tables` makes the tables of
docs/performance.md from those files.
"""

import ast
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent


def benchmarks() -> dict[str, str]:
    """Name of every module that can be run to the first line of what it says about itself."""
    found = {}
    for path in sorted([*HERE.glob("*.py"), *HERE.glob("speed/*.py")]):
        text = path.read_text("utf-8")
        if path.stem.startswith("_") or '__name__ == "__main__"' not in text:
            continue
        found[path.stem] = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    return found


def main() -> int:
    """List, or hand over to the benchmark."""
    known = benchmarks()
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in {"-h", "--help"}:
        print(__doc__)
        for each, told in known.items():
            print(f"  {each:<18} {told}")
        return 0
    if name not in known:
        print(f"there is no benchmark {name!r}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    place = "benchmarks.speed" if (HERE / "speed" / f"{name}.py").exists() else "benchmarks"
    sys.argv = [f"python -m benchmarks {name}", *sys.argv[2:]]
    runpy.run_module(f"{place}.{name}", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
