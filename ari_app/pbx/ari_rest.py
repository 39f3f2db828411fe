"""The REST requests of ARI that are used here. Credentials travel in a header only.

Source: Asterisk's ``rest-api/api-docs``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from ari_app.errors import PbxAuthError, PbxError, PbxRequestError, PbxUnavailableError, SettingsError
from ari_app.settings import PbxSettings

__all__ = ["AriRest", "plain"]


class AriRest:
    """Asks one Asterisk. ``patience`` is the seconds a request may take; ``websocket`` the class of its event socket.

    Raises SettingsError when the password cannot be read.
    """

    def __init__(
        self,
        settings: PbxSettings,
        *,
        patience: float,
        websocket: type[aiohttp.ClientWebSocketResponse] = aiohttp.ClientWebSocketResponse,
    ) -> None:
        self._base = settings.ari.rstrip("/") + "/ari"
        self._user = settings.username
        self._settings = settings
        self._tls = self._base.lower().startswith("https:")
        settings.read_password()
        self._patience = patience
        self._websocket = websocket
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Give back every socket. May be called twice."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def info(self) -> dict[str, Any]:
        """``GET /asterisk/info``: version, configuration, status."""
        found = await self._request("GET", "/asterisk/info")
        return found if isinstance(found, dict) else {}

    async def runs(self, module: str) -> bool:
        """Is a module ("codec_resample.so") loaded and running."""
        try:
            found = await self._request("GET", f"/asterisk/modules/{quote(module, safe='')}")
        except PbxRequestError as error:
            if error.status in (404, 409):
                return False
            raise
        return isinstance(found, dict) and found.get("status") == "Running"

    async def application(self, name: str) -> dict[str, Any]:
        """``GET /applications/…``: what an application is subscribed to. Raises PbxRequestError, status 404 where there is none."""
        found = await self._request("GET", f"/applications/{quote(name, safe='')}")
        return found if isinstance(found, dict) else {}

    async def variable(self, channel_id: str, name: str) -> str | None:
        """A channel variable or function ("CALLERID(num-pres)"); None when the channel is gone or has none."""
        return await self._value(f"/channels/{quote(channel_id, safe='')}/variable", name)

    async def set_global(self, name: str, value: str) -> None:
        """Set a global variable of the dialplan."""
        await self._request("POST", "/asterisk/variable", {"variable": name, "value": value})

    async def get_global(self, name: str) -> str | None:
        """A global variable of the dialplan; "" or None where there is none."""
        return await self._value("/asterisk/variable", name)

    async def user_event(self, name: str, app: str, variables: Mapping[str, str]) -> None:
        """Send an application a user event. Raises PbxRequestError, status 404 where there is no such application."""
        body = {"variables": dict(variables)}
        await self._request("POST", f"/events/user/{quote(name, safe='')}", {"application": app}, body)

    async def device_state(self, name: str) -> str | None:
        """State of a device ("INUSE", "NOT_INUSE" …), None when Asterisk names none."""
        try:
            found = await self._request("GET", f"/deviceStates/{quote(name, safe='')}")
        except PbxRequestError as error:
            if error.status == 404:
                return None
            raise
        state = found.get("state") if isinstance(found, dict) else None
        return state if isinstance(state, str) else None

    async def set_device_state(self, name: str, state: str) -> None:
        """Set a device state of our own: ``Stasis:…`` to INUSE, NOT_INUSE, RINGING …; Asterisk keeps it over a restart."""
        await self._request("PUT", f"/deviceStates/{quote(name, safe='')}", {"deviceState": state})

    async def device_states(self) -> dict[str, str]:
        """States of all devices that are set over ARI, by name."""
        found = await self._request("GET", "/deviceStates")
        items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
        return {str(item.get("name")): str(item.get("state")) for item in items}

    async def remove_device_state(self, name: str) -> None:
        """Forget a device state of our own; one that is not there is no error."""
        try:
            await self._request("DELETE", f"/deviceStates/{quote(name, safe='')}")
        except PbxRequestError as error:
            if error.status != 404:
                raise

    async def originate(
        self, channel_id: str, endpoint: str, *, context: str, extension: str, rings: int, variables: Mapping[str, str]
    ) -> None:
        """Ring ``endpoint`` for ``rings`` seconds; who picks up there goes to ``extension`` in ``context`` of the dialplan."""
        where = {"endpoint": endpoint, "extension": extension, "context": context, "priority": "1"}
        query = {**where, "channelId": channel_id, "timeout": str(rings)}
        await self._request("POST", "/channels", query, {"variables": dict(variables)})

    async def hang_up(self, channel_id: str) -> None:
        """End a channel; one that is gone already is none to end."""
        try:
            await self._request("DELETE", f"/channels/{quote(channel_id, safe='')}")
        except PbxRequestError as error:
            if error.status != 404:
                raise

    async def endpoint_state(self, technology: str, resource: str) -> str | None:
        """ "online", "offline" or "unknown"; None for an endpoint Asterisk does not have."""
        try:
            found = await self._request("GET", f"/endpoints/{quote(technology, safe='')}/{quote(resource, safe='')}")
        except PbxRequestError as error:
            if error.status == 404:
                return None
            raise
        return str(found.get("state")) if isinstance(found, dict) else "unknown"

    async def endpoint_context(self, endpoint: str) -> str | None:
        """The context a PJSIP endpoint's calls start in; None when it cannot be told."""
        return (await self._endpoint(endpoint)).get("context")

    async def shows_hidden(self, endpoint: str) -> bool | None:
        """May a number that its caller hid be shown on a PJSIP endpoint all the same; None when it cannot be told.

        It may where the trunk's own word on who calls is taken (pjsip.conf: trust_id_inbound), for P-Asserted-Identity comes with the
        number and with Privacy. Else the number is of the From header, which says "anonymous" for a caller who hides it.
        """
        return {"true": True, "yes": True, "false": False, "no": False}.get((await self._endpoint(endpoint)).get("trust_id_inbound", ""))

    async def _endpoint(self, endpoint: str) -> dict[str, str]:
        """A PJSIP endpoint's settings as they are now, empty when they cannot be told: asked anew each time, for a reload changes them."""
        try:
            found = await self._request("GET", f"/asterisk/config/dynamic/res_pjsip/endpoint/{quote(endpoint, safe='')}")
        except PbxRequestError:
            return {}
        pairs = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
        return {str(item.get("attribute")): str(item.get("value")) for item in pairs}

    async def _value(self, path: str, name: str) -> str | None:
        try:
            found = await self._request("GET", path, {"variable": name})
        except PbxRequestError as error:
            if error.status in (404, 409):
                return None
            raise
        value = found.get("value") if isinstance(found, dict) else None
        return value if isinstance(value, str) else None

    async def _session(self) -> aiohttp.ClientSession:
        """After ``close()`` a new one: the password is read again, and which certificates are trusted."""
        # reading a machine's certificates takes 80 ms
        context = await asyncio.to_thread(ssl.create_default_context) if self._http is None and self._tls else True
        if self._http is None:
            try:
                token = base64.b64encode(f"{self._user}:{self._settings.read_password()}".encode()).decode("ascii")
            except SettingsError as error:
                raise PbxAuthError(error.what, error.fix) from error
            # trust_env stays off: a proxy variable of the environment must not carry the PBX's password elsewhere
            self._http = aiohttp.ClientSession(
                headers={"Authorization": f"Basic {token}"},
                connector=aiohttp.TCPConnector(ssl=context),
                ws_response_class=self._websocket,
            )
        return self._http

    async def _request(self, method: str, path: str, query: dict[str, str] | None = None, body: object = None) -> Any:
        """One REST request; raises PbxAuthError, PbxUnavailableError or PbxRequestError."""
        timeout = aiohttp.ClientTimeout(total=self._patience)
        try:
            session = await self._session()
            async with session.request(method, self._base + path, params=query, json=body, timeout=timeout) as answer:
                text = await answer.text(errors="replace")
                if answer.status >= 400:
                    raise self._refusal(answer.status, f"{method} {path.partition('?')[0]}", _message(text))
        except TimeoutError as error:
            raise PbxUnavailableError(f"Asterisk did not answer {method} {path} within {self._patience:g} s") from error
        except aiohttp.ClientError as error:
            raise PbxUnavailableError(f"Asterisk at {self._base} cannot be reached ({plain(error)})") from error
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            raise PbxRequestError(answer.status, f"{method} {path} was answered with {len(text)} characters that are no JSON") from error

    def _refusal(self, status: int, what: str, said: str) -> PbxError:
        if status == 401:
            return PbxAuthError(
                f'Asterisk refused the ARI user "{self._user}" (401)',
                "make pbx.username and pbx.password in textback.toml a user of ari.conf, then asterisk -rx 'module reload res_ari'",
            )
        if status == 403:
            return PbxAuthError(
                f'Asterisk forbids the ARI user "{self._user}" to {what} (403)',
                "set read_only = no for this user in ari.conf, then asterisk -rx 'module reload res_ari'",
            )
        if status == 503:
            return PbxUnavailableError("Asterisk is still loading (503)")
        return PbxRequestError(status, f"Asterisk answered {what} with {status}{f': {said}' if said else ''}")


def _message(text: str) -> str:
    """Asterisk's own words in an error answer: {"message": "…"}."""
    try:
        document = json.loads(text)
    except ValueError:
        return ""
    said = document.get("message") or document.get("error") if isinstance(document, dict) else None
    return said[:200] if isinstance(said, str) else ""


def plain(error: object) -> str:
    """An error for people: the operating system's words, its own, else its class."""
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        # aiohttp words the first one so that nobody can read it; errno of TLS and of name resolution are numbers of their own
        if cause.errno and not isinstance(cause, ssl.SSLError | socket.gaierror):
            return os.strerror(cause.errno)
        return cause.strerror or str(cause)
    return str(error) or type(error).__name__
