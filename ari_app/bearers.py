"""From a [[modem]] of the settings to the bearer that carries texts."""

from __future__ import annotations

from collections.abc import Callable

from ari_app.errors import SettingsError
from ari_app.settings import ModemSettings
from modem.driver import SerialModem
from modem.kannel import KannelBearer
from modem.types import Bearer, Door

__all__ = ["bearer_of"]


def bearer_of(settings: ModemSettings, door: Door, on_ready: Callable[[], None]) -> Bearer:
    """The bearer, not started. Raises SettingsError where a secret cannot be read or used."""
    if settings.kind == "serial":
        return SerialModem(
            settings.name,
            settings.port,
            door=door,
            imei=settings.imei,
            pin=settings.read_pin(),
            forward=settings.forward,
            on_ready=on_ready,
        )
    try:
        return KannelBearer(
            settings.name,
            url=settings.url or "",
            username=settings.username or "",
            password=settings.read_password(),
            smsc=settings.smsc,
            listen=settings.listen,
            callback=settings.callback,
            secret=settings.read_secret(),
            number=settings.number or "",
            door=door,
            on_ready=on_ready,
        )
    except ValueError as error:
        raise SettingsError(f"modem.{settings.name}: {error}", "mend it and start again") from error
