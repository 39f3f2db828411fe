"""The administrator's side: ``textback`` on the command line."""

from ari_app.cli.program import main

__all__ = ["main"]
