"""What every command shares: its options, its settings, one way to answer, one way to fail."""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, NoReturn

import click
import structlog

from ari_app import logs
from ari_app.cli.render import Screen
from ari_app.desk import is_utf8
from ari_app.errors import SettingsError, TextbackError
from ari_app.settings import Settings, load

__all__ = ["Env", "Failed", "Program", "command"]

_OUTPUT = "output"
"""Code of the one failure that stdout cannot tell: stdout itself."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failed:
    """The contract's error: ``{"error": {"code", "what", "fix"}}``."""

    code: str
    what: str
    fix: str


class Env:
    """A command's surroundings. ``settings`` are read when first asked for; raises SettingsError."""

    def __init__(self, config: Path | None, as_json: bool) -> None:
        self.config = config
        self.as_json = as_json
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            self._settings = load(self.config)
        return self._settings

    def answer(self, document: object, human: Callable[[Screen], None]) -> None:
        """The command's one answer: the document with --json, else what ``human`` draws."""
        if self.as_json:
            _write(_as_json(document))
            return
        screen = self.screen()
        human(screen)
        _write(screen.text())

    def screen(self) -> Screen:
        """For the clinic's zone and country; for none where the settings cannot be read and only doctor speaks."""
        try:
            clinic = self.settings.clinic
        except SettingsError:
            return Screen(UTC, "CA")
        return Screen(clinic.zone, clinic.country)


def _as_json(document: object) -> str:
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    return json.dumps(document, ensure_ascii=plain, indent=2) + "\n"


def _write(text: str) -> None:
    """All of stdout goes through here. A reader that went away is no failure; a full disk is."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        _mute_stdout()
        sys.exit(0)
    except OSError as error:
        _mute_stdout()
        raise TextbackError(f"cannot write the answer ({error.strerror})", "free space where it goes", code=_OUTPUT) from error


def _mute_stdout() -> None:
    """Python writes what is left in its buffer at exit: let it go nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def command(group: click.Group, name: str | None = None) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function a command of ``group``: --config and --json, and an Env as its first argument."""

    def wrap(work: Callable[..., None]) -> click.Command:
        @click.pass_context
        @functools.wraps(work)
        def run(ctx: click.Context, /, config: Path | None, as_json: bool, **given: Any) -> None:
            _all_utf8(ctx)
            work(Env(config or ctx.obj, as_json), **given)

        options = (
            click.option("--config", type=click.Path(path_type=Path), help="The settings file, instead of /etc/textback/textback.toml."),
            click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."),
        )
        ready: Callable[..., None] = run
        for option in options:
            ready = option(ready)
        return group.command(name)(ready)

    return wrap


def _all_utf8(ctx: click.Context) -> None:
    for parameter in ctx.command.params:
        value = ctx.params.get(parameter.name or "")
        if isinstance(value, str) and not is_utf8(value):
            name = parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name
            raise TextbackError(f"{name} is not UTF-8", "write it again as UTF-8", code="not_utf8")


class Program(click.Group):
    """A group whose every failure is one line, "what. fix", or one JSON document: 0 done, 1 failed, 2 usage, 3 failed for good."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **options: Any) -> NoReturn:  # type: ignore[override]
        given = list(sys.argv[1:] if args is None else args)
        options |= {"prog_name": prog_name or "textback", "standalone_mode": False}
        as_json = "--json" in (given[: given.index("--")] if "--" in given else given)
        logs.set_up(level=logging.WARNING)
        sys.exit(self._run(given, options, as_json))

    def _run(self, given: list[str], options: dict[str, Any], as_json: bool) -> int:
        try:
            code = super().main(given, **options)
        except click.UsageError as error:
            if not as_json:
                error.show()
            else:
                hint = f"see {error.ctx.command_path} --help" if error.ctx else "see textback --help"
                _report(Failed("usage", error.format_message(), hint), as_json)
            return 2
        except (click.Abort, KeyboardInterrupt):
            _report(Failed("interrupted", "interrupted", ""), as_json)
            return 130
        except click.ClickException as error:
            _report(Failed("failed", error.format_message(), ""), as_json)
        except TextbackError as error:
            _report(Failed(error.code, error.what, error.fix), as_json)
            return error.status
        except Exception as error:
            log.exception("command_failed")
            _report(Failed("internal", f"textback failed at this ({type(error).__name__})", "report it with the lines above"), as_json)
        else:
            return code if isinstance(code, int) else 0
        return 1


def _report(failed: Failed, as_json: bool) -> None:
    if as_json and failed.code != _OUTPUT:
        try:
            _write(_as_json({"error": asdict(failed)}))
        except TextbackError:
            pass
        else:
            return
    line = f"{failed.what}. {failed.fix[:1].upper()}{failed.fix[1:]}" if failed.fix else failed.what
    line = " ".join(line.split())
    print(f"textback: {line}", file=sys.stderr)  # noqa: T201 - the one line a failed command says
