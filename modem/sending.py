"""Sending one part: ``AT+CMGS``, prompt, commit, PDU and Ctrl-Z, result (3GPP TS 27.005 4.3).

The result is exact about the one moment that matters: before the Ctrl-Z reached the kernel nothing can have gone; after it, only the
modem's own word can tell.
"""

from __future__ import annotations

import re
from contextlib import suppress

from modem.at import ESC, Dialogue, Listener
from modem.codes import outcome
from modem.errors import LinkLostError
from modem.types import Commit, NotSent, Refused, SendResult, Sent, Submit, Unknown

__all__ = ["NO_PROMPT", "NO_RESULT", "submit"]

NO_PROMPT, NO_RESULT = "the modem gave no prompt", "the modem gave no result"
"""How ``what`` begins when a modem that answers otherwise does not answer AT+CMGS."""

_REFERENCE = re.compile(r"\+CMGS:\s*(\d{1,3})\b", re.IGNORECASE)


async def submit(dialogue: Dialogue, part: Submit, commit: Commit, *, prompt: float, result: float, in_doubt: float) -> SendResult:
    """Send ``part``. ``prompt`` and ``result``: seconds to wait for the prompt and for ``+CMGS``.

    ``in_doubt``: the most to wait for ``+CMGS`` once the modem said what may mean that it started anew.

    Never raises for what the modem does; an exception of ``commit`` (or a cancellation) leaves the prompt by ESC and is raised on.
    """
    try:
        async with dialogue.turn():
            dialogue.in_step(yes=False)
            prompt_open = True  # or may be: a refusal may be noise, or belong to something else
            try:
                command = f"AT+CMGS={part.length}"
                doubts = dialogue.doubts
                listener = dialogue.listen(command)
                await dialogue.write(command.encode("ascii") + b"\r")
                refusal = await _prompted(dialogue, listener, prompt)
                if refusal is not None:
                    return refusal
                if not await commit():
                    return NotSent("called off", called_off=True)
                if listener.final is not None:
                    return NotSent("the modem left its prompt")
                if dialogue.doubts != doubts:
                    dialogue.restarted()  # setting up anew costs less than a text on a modem that forgot its settings
                    return NotSent("the modem may have restarted")
                prompt_open = False
                return await _hand_over(dialogue, part, result, prompt, in_doubt)
            finally:
                if prompt_open:
                    with suppress(LinkLostError):
                        await dialogue.write(ESC)
    except LinkLostError as error:
        return NotSent(error.what)


async def _prompted(dialogue: Dialogue, listener: Listener, seconds: float) -> NotSent | Refused | None:
    """Wait for the prompt; None when it is there."""
    while True:
        try:
            await dialogue.until(lambda: listener.prompted or listener.final is not None, seconds)
        except TimeoutError:
            return NotSent(f"{NO_PROMPT} in {seconds:g} s")
        if listener.prompted:
            return None
        if listener.final is not None and listener.final.upper() != "OK":
            refused = outcome(listener.final)
            # a network that did not answer can say nothing of a PDU that has not left
            return refused if isinstance(refused, Refused) else NotSent(refused.what)
        listener.final = None  # OK answers something else


async def _hand_over(dialogue: Dialogue, part: Submit, seconds: float, after: float, in_doubt: float) -> SendResult:
    """PDU and Ctrl-Z in one write; from its last octet on, silence means Unknown. ``after``: seconds for OK after the reference."""
    data = part.pdu.encode("ascii") + b"\x1a"
    listener = dialogue.listen(part.pdu, "+CMGS:")
    doubts = dialogue.doubts
    try:
        await dialogue.write(data)
    except LinkLostError as error:
        return Unknown(error.what) if error.written == len(data) else NotSent(error.what)
    why = ""
    try:
        try:
            await dialogue.until(lambda: _answered(listener) or dialogue.doubts != doubts, seconds)
            await dialogue.until(lambda: _answered(listener), in_doubt)
        except TimeoutError:
            if dialogue.doubts != doubts:
                dialogue.restarted()
            raise
        await dialogue.until(lambda: listener.final is not None, after)
    except TimeoutError:
        why = "the modem seems to have restarted" if dialogue.doubts != doubts else f"{NO_RESULT} in {seconds:g} s"
    except LinkLostError as error:
        why = error.what
    reference = next((int(match[1]) for line in listener.lines if (match := _REFERENCE.match(line))), None)
    final = listener.final or ""
    if reference is not None and reference <= 0xFF and final.upper() in {"OK", ""}:
        dialogue.in_step(yes=final != "")
        return Sent(reference)
    if why:
        return Unknown(why)
    if reference is not None:
        return Unknown(f"the modem gave a reference, then said {final}")
    if final.upper() == "OK":
        return Unknown("the modem said OK without a reference")
    dialogue.in_step(yes=True)
    return outcome(final)


def _answered(listener: Listener) -> bool:
    return listener.final is not None or bool(listener.lines)
