"""``python -m ari_app`` is ``textback``."""

from ari_app.cli import main

main()
