"""python -m tests.docs: write docs/reference/ anew."""

from __future__ import annotations

from tests.docs.pages import FOLDER, PAGES

FOLDER.mkdir(exist_ok=True)
for name, page in PAGES.items():
    (FOLDER / name).write_text(page(), encoding="utf-8")
