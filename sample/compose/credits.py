"""The credits file: whose models and photographs a poster uses, and under which licence it stands."""

from pathlib import Path

from sample.compose.posters import Poster

_HEAD = """# Credits

The posters were composed for this project by the script in `compose/`. Brands, products, prices and slogans are
invented. The objects on them are 3D models, most from the Debian package sweethome3d-furniture 1.8 (Sweet Home 3D
furniture libraries), the others modelled for this project. All were rendered and composed by this project, and some
recoloured, mirrored or freed of small print: those are the changes made. A few posters show photographs that come with
scikit-image.

A poster with at least one part under CC BY stands under that licence, with the authors named here; every other poster
is dedicated to the public domain (CC0 1.0).

Fonts, used as pixels only, all under the SIL Open Font License 1.1: Bebas Neue (Ryoichi Tsunekawa), Lobster Two (Pablo
Impallari), League Spartan (Micah Rich and others), Comfortaa (Johan Aakerlund), Yanone Kaffeesatz (Jan Gerner).
"""


def write_credits(posters: list[Poster], catalogue: dict[str, dict[str, str]], path: Path) -> None:
    """Writes a table of the parts and a table of the posters as Markdown."""
    used = sorted({name for poster in posters for name in poster.objects})
    rows = ["| Part | Source | Author | Licence |", "|---|---|---|---|"]
    rows += [
        f"| {name} | {_source(catalogue[name])} | {catalogue[name]['creator']} | {_licence(catalogue[name])} |"
        for name in used
    ]
    sheets = ["| Poster | Parts | Its licence |", "|---|---|---|"]
    sheets += [
        f"| {poster.path} | {', '.join(poster.objects)} | {_poster_licence(poster, catalogue)} |" for poster in posters
    ]
    text = f"{_HEAD}\n## Parts\n\n{chr(10).join(rows)}\n\n## Posters\n\n{chr(10).join(sheets)}\n"
    path.write_text(text, encoding="utf-8")


def _source(entry: dict[str, str]) -> str:
    name = entry.get("model_name")
    return f"{name}; {entry['source']}" if name else entry["source"]


def _licence(entry: dict[str, str]) -> str:
    return f"[{entry['licence']}]({entry['licence_url']})"


def _poster_licence(poster: Poster, catalogue: dict[str, dict[str, str]]) -> str:
    """Returns the CC BY licences of the parts, or CC0 where there are none."""
    binding = sorted(
        {_licence(catalogue[name]) for name in poster.objects if catalogue[name]["licence"].startswith("CC BY")}
    )
    return ", ".join(binding) or "[CC0 1.0](https://creativecommons.org/publicdomain/zero/1.0/)"
