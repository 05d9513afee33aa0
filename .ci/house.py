"""Keeps the tree easy to navigate: `python .ci/house.py` prints four figures and fails where one is over its limit.

Generated files and data do not count.
"""

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ("api", "engine", "sdk", "bench")
GENERATED = tuple(ROOT / "sdk/python/kinora" / name for name in ("resources", "types.py", "_resources.py"))
DATA = (ROOT / "engine/mini/dataset/vocabulary.py", ROOT / "api/http/openapi/examples.py")

MODULES_IN_A_FOLDER = 25
LINES_IN_A_FILE = 300
SHARE_OF_ONE_WORD_FUNCTIONS = 0.2
CLASS_NAMES_IN_TWO_MODULES = 20


def written_by_hand(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not any(path.is_relative_to(generated) for generated in GENERATED):
                yield path


def is_one_word(function: str) -> bool:
    return "_" not in function.strip("_")


def figures() -> Iterator[tuple[str, float, float, list[str]]]:
    """Of each rule: its name, the figure, the limit, and what stands out."""
    sources = list(written_by_hand(*SOURCE))
    nodes = [(path, node) for path in sources for node in ast.walk(ast.parse(path.read_text()))]
    names = [node.name for _, node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    functions = [name for name in names if not (name.startswith("__") and name.endswith("__"))]
    single = [name for name in functions if is_one_word(name)]
    places = defaultdict(set)
    for path, node in nodes:
        if isinstance(node, ast.ClassDef):
            places[node.name].add(path)
    shared = sorted(name for name, paths in places.items() if len(paths) > 1)
    folders = Counter(path.parent for path in sources)
    folder, modules = folders.most_common(1)[0]
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in written_by_hand(*SOURCE, "tests")
        if path not in DATA
    }
    long = [f"{path} {count}" for path, count in lines.items() if count > LINES_IN_A_FILE]

    yield "modules in the largest folder", modules, MODULES_IN_A_FOLDER, [str(folder.relative_to(ROOT))]
    yield "lines in the longest file", max(lines.values()), LINES_IN_A_FILE, long
    frequent = [f"{name} ({count})" for name, count in Counter(single).most_common(20)]
    yield "share of one-word functions", len(single) / len(functions), SHARE_OF_ONE_WORD_FUNCTIONS, frequent
    yield "class names in two modules", len(shared), CLASS_NAMES_IN_TWO_MODULES, shared


def main() -> int:
    over = False
    for name, figure, limit, examples in figures():
        print(f"{name:<30} {figure:>6.4g} of at most {limit:g}")
        if figure > limit:
            over = True
            print("   " + ", ".join(examples))
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
