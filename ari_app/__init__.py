"""asterisk-textback: texts back the callers a clinic's Asterisk could not answer."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    # once: the files of a running service may be upgraded under it
    __version__ = version("asterisk-textback")
except PackageNotFoundError:
    __version__ = "unknown"  # run from a bare tree
