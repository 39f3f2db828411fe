# ruff: noqa: INP001 - Sphinx reads it by its path
"""How Sphinx makes the pages of this folder: scripts/docs."""

import tomllib
from pathlib import Path

project = "asterisk-textback"
author = "the asterisk-textback authors"
project_copyright = "Apache-2.0"
release = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
version = release

extensions = ["myst_parser"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
html_theme = "furo"
html_title = "textback"
html_copy_source = False
html_show_sourcelink = False
nitpicky = True
