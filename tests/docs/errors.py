"""Every error and finding that the sources hold: where a class, or a call, names a code with what is wrong and the fix."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Said", "page", "said"]

ROOT = Path(__file__).parents[2]
_CODE = re.compile(r"[a-z]+(_[a-z]+)*")
_FINDINGS = {"Finding": 1, "Health": 1, "Item": 2}
"""Values of doctor, with the place of their code."""


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """``what`` and ``fix`` as in the source, ``…`` for what is filled in."""

    code: str
    what: str
    fix: str


def page() -> str:
    rows = [f"| `{each.code}` | {_cell(each.what)} | {_cell(each.fix)} |" for each in sorted(set(said()))]
    return "\n".join(["| code | what is wrong | the fix |", "|---|---|---|", *rows]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("\n", " ")


def said() -> Iterator[Said]:
    """All of them."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for room in ("agi", "ari_app", "modem") for path in (ROOT / room).rglob("*.py")]
    codes = _codes(trees)
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield from _of_call(node, node.func.id, codes)
            elif isinstance(node, ast.Tuple) and len(node.elts) == 4 and ast.unparse(node.elts[0]) in ("'bad'", "'warn'"):
                _, code, what, fix = (" / ".join(_texts(each)) for each in node.elts)
                if _CODE.fullmatch(code):
                    yield Said(code, what, fix)


def _codes(trees: list[ast.Module]) -> dict[str, str]:
    """The code of each error class: its own, else that of the class it is made from."""
    classes = {node.name: node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}

    def code(name: str) -> str | None:
        node = classes.get(name)
        if node is None:
            return None
        for line in node.body:
            if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "code" and isinstance(line.value, ast.Constant):
                return str(line.value.value)
        return next((found for base in node.bases if (found := code(ast.unparse(base)))), None)

    return {name: found for name in classes if name.endswith("Error") and (found := code(name))}


def _of_call(node: ast.Call, name: str, codes: dict[str, str]) -> Iterator[Said]:
    named = {keyword.arg: keyword.value for keyword in node.keywords}
    texts = [_texts(value) for value in node.args]
    if name in _FINDINGS and len(texts) > _FINDINGS[name] + 1:
        place = _FINDINGS[name]
        fix = texts[place + 2] if len(texts) > place + 2 else _texts(named["fix"]) if "fix" in named else [""]
        for code in texts[place]:
            if code and "…" not in code and texts[0] != ["ok"] and texts[1] != ["ok"]:
                yield Said(code, " / ".join(texts[place + 1]), " / ".join(fix))
    elif name.endswith("Error") and len(texts) == 3 and _CODE.fullmatch(texts[0][0]):
        yield Said(*(" / ".join(each) for each in texts))
    elif name in codes and texts:
        fixed = texts[1] if len(texts) > 1 else _texts(named["fix"]) if "fix" in named else [""]
        for code in _texts(named["code"]) if "code" in named else [codes[name]]:
            if "…" not in code and any(word.strip("… ") for word in texts[0]):
                yield Said(code, " / ".join(texts[0]), " / ".join(fixed))


def _texts(node: ast.expr) -> list[str]:
    """What an expression may read: its words, ``…`` for the rest."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return ["".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    return ["…"]
