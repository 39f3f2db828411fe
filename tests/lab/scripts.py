"""SIPp scenarios, written out for one trunk call, one phone, one call a phone makes (SIPp 3.6, RFC 3261).

SIPp's ``-key`` does not reach time-outs, so each scenario is filled in for its run. A MESSAGE of the lab's own, sent into a call's
dialogue (same Call-ID), tells a caller to hang up now: choreography is driven by events, not by pauses.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

__all__ = ["Caller", "Phone", "caller_script", "carrier_script", "phone_script"]

_FOREVER = 600.0
_FAILURES = (400, 403, 404, 408, 410, 480, 482, 484, 486, 487, 488, 500, 501, 503, 603, 604)


@dataclass(frozen=True, slots=True)
class Caller:
    """How a call is made. Times in seconds."""

    number: str
    """User part of From; "" sends none."""
    target: str
    give_up: float | None = None
    """Hang up this long after the last sign of life while it is not answered; None: only when told."""
    talk: float | None = None
    """Hang up this long after the answer (and the digits); None: only when told."""
    digits: tuple[tuple[float, str], ...] = ()
    """DTMF digits (SIP INFO) after the answer: (wait before, digit)."""
    keypad: bool = False
    """After the answer, press the keys it is told to (``TrunkCall.press``); ``talk`` counts from the last one."""
    audio: str | None = None
    """Raw G.711 µ-law file sent from the answer on, over and over."""
    headers: tuple[str, ...] = ()
    """More header lines of the INVITE."""
    anonymous: bool = False
    """From is RFC 3323's "Anonymous" <sip:anonymous@anonymous.invalid>."""


@dataclass(frozen=True, slots=True)
class Phone:
    """How a phone takes calls. Times in seconds. Kinds: answer, busy (486), decline (603), ring, silent (no word at all)."""

    kind: str = "ring"
    after: float = 0.0
    talk: float | None = None
    """Hang up this long after the answer; None: when the other side does."""
    hold_after: float | None = None
    """Put the caller on hold (re-INVITE, sendonly) this long after the answer; hangs up by ``talk`` after that."""
    resume_after: float | None = None
    """Take the caller back this long after the hold."""
    digits: tuple[tuple[float, str], ...] = ()


def _ms(seconds: float | None) -> int:
    return int((_FOREVER if seconds is None else seconds) * 1000)


def _send(text: str, retrans: bool = False, after: str = "") -> str:
    attribute = ' retrans="500"' if retrans else ""
    lines = "\n".join(line.strip() for line in text.strip().splitlines())
    return f"<send{attribute}{after}><![CDATA[\n{lines}\n\n]]></send>\n"


def _sdp(direction: str = "sendrecv", port: str = "[media_port]", version: int = 1) -> str:
    return f"""Content-Type: application/sdp
        Content-Length: [len]

        v=0
        o=lab 1 {version} IN IP4 [local_ip]
        s=-
        c=IN IP4 [local_ip]
        t=0 0
        m=audio {port} RTP/AVP 0 101
        a=rtpmap:0 PCMU/8000
        a=rtpmap:101 telephone-event/8000
        a={direction}"""


def _document(name: str, body: str) -> str:
    head = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
    return f"{head}<scenario name={quoteattr(name)}>\n{body}</scenario>\n"


def caller_script(call: Caller) -> str:
    """A call into the PBX: waits for the answer, sends digits and audio, hangs up when told, when its time is up or when the PBX does."""
    here = f"<sip:{call.number}@[local_ip]:[local_port]>"
    source = '"Anonymous" <sip:anonymous@anonymous.invalid>' if call.anonymous else f"<sip:{call.number}@[local_ip]>"
    source = source if call.number or call.anonymous else "<sip:[local_ip]>"
    ids = f"""From: {source};tag=c[call_number]
        To: <sip:{call.target}@[remote_ip]:[remote_port]>"""
    media = "[rtpstream_audio_port]" if call.audio else "[media_port]"
    more = "".join(f"\n        {header}" for header in call.headers)

    def request(
        method: str, branch: str, cseq: int | str, *, uri: str = "[next_url]", to: str = "[peer_tag_param]", body: str = "Content-Length: 0"
    ) -> str:
        return f"""{method} {uri} SIP/2.0
        Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-{branch}-[pid]-[call_number]
        {ids}{to}
        Call-ID: [call_id]
        CSeq: {cseq} {method}
        Contact: {here if call.number else "<sip:[local_ip]:[local_port]>"}
        Max-Forwards: 70
        {body}"""

    first = f"sip:{call.target}@[remote_ip]:[remote_port]"
    failed = "".join(
        f'<recv response="{code}" optional="true" next="refused" timeout="{_ms(call.give_up)}" ontimeout="cancel"/>\n' for code in _FAILURES
    )
    ring = _ms(call.give_up)
    body = _send(request("INVITE", "i", 1, uri=first, to="", body=more.strip() + ("\n" if more else "") + _sdp(port=media)), retrans=True)
    body += f'<recv request="MESSAGE" optional="true" next="cancel" timeout="{ring}" ontimeout="cancel"/>\n'
    body += "".join(f'<recv response="{code}" optional="true" timeout="{ring}" ontimeout="cancel"/>\n' for code in (100, 180, 183, 181))
    body += failed + f'<recv response="200" rrs="true" timeout="{ring}" ontimeout="cancel"/>\n'
    body += _send(request("ACK", "a", 1))
    if call.audio:
        body += f'<nop><action><exec rtp_stream="{call.audio},-1,0"/></action></nop>\n'
    for position, (wait, digit) in enumerate(call.digits):
        body += f'<recv request="MESSAGE" optional="true" next="bye" timeout="{_ms(wait)}" ontimeout="digit{position}"/>\n'
        body += f'<recv request="BYE" next="over" timeout="{_ms(wait)}" ontimeout="digit{position}"/>\n<label id="digit{position}"/>\n'
        info = f"Content-Type: application/dtmf-relay\nContent-Length: [len]\n\nSignal={digit}\nDuration=120"
        body += _send(request("INFO", f"d{position}", 2 + position, body=info), retrans=True)
        body += '<recv request="BYE" optional="true" next="over"/>\n<recv response="200"/>\n'
    talk = _ms(call.talk)
    if call.keypad:
        # a variable keeps its value where nothing matches: the end has one of its own
        told = '<ereg regexp="[0-9*#]" search_in="hdr" header="X-Key:" assign_to="key"/>'
        told += '<ereg regexp="X-End" search_in="msg" assign_to="ends"/>'
        body += '<label id="keypad"/>\n'
        body += f'<recv request="MESSAGE" optional="true" next="told" timeout="{talk}" ontimeout="bye"><action>{told}</action></recv>\n'
        body += f'<recv request="BYE" next="over" timeout="{talk}" ontimeout="bye"/>\n'
        body += '<label id="told"/>\n<nop next="bye" test="ends"/>\n'
        info = "Content-Type: application/dtmf-relay\nContent-Length: [len]\n\nSignal=[$key]\nDuration=120"
        body += _send(request("INFO", "k[cseq]", "[cseq]", body=info), retrans=True)
        body += '<recv request="BYE" optional="true" next="over"/>\n<recv response="200" next="keypad"/>\n'
    body += f'<recv request="MESSAGE" optional="true" next="bye" timeout="{talk}" ontimeout="bye"/>\n'
    body += f'<recv request="BYE" next="over" timeout="{talk}" ontimeout="bye"/>\n'
    body += '<label id="bye"/>\n' + _send(request("BYE", "b", 900), retrans=True)
    body += '<recv request="BYE" optional="true" next="over"/>\n<recv response="200" next="end"/>\n'
    body += '<label id="over"/>\n' + _send(_answer_to("200 OK"), after=' next="end"')
    body += '<label id="cancel"/>\n' + _send(request("CANCEL", "i", 1, uri=first, to=""), retrans=True)
    # a 200 that crossed the CANCEL: the call is up, so it is acknowledged and hung up (RFC 3261 9.1)
    crossed = '<ereg regexp="INVITE" search_in="hdr" header="CSeq:" assign_to="crossed"/>'
    body += f'<recv response="200" optional="true" rrs="true" next="crossed" test="crossed"><action>{crossed}</action></recv>\n'
    body += '<recv response="481" optional="true"/>\n<recv response="487" timeout="3000" ontimeout="end"/>\n'
    body += '<label id="refused"/>\n' + _send(request("ACK", "i", 1, uri=first), after=' next="end"')
    body += '<label id="crossed"/>\n' + _send(request("ACK", "a", 1)) + _send(request("BYE", "b", 901), retrans=True)
    body += '<recv response="481" optional="true"/>\n<recv response="200"/>\n'
    return _document("caller", body + '<label id="end"/>\n<nop/>\n')


def _answer_to(status: str, to_tag: bool = False, contact: bool = False, body: str = "Content-Length: 0") -> str:
    tag = ";tag=p[pid]-[call_number]" if to_tag else ""
    where = "\n        Contact: <sip:[local_ip]:[local_port]>" if contact else ""
    return f"""SIP/2.0 {status}
        [last_Via:]
        [last_From:]
        [last_To:]{tag}
        [last_Call-ID:]
        [last_CSeq:]{where}
        {body}"""


_INVITE = """<recv request="INVITE" crlf="true"><action>
<ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="cseq"/>
<ereg regexp="SIP/2.0/UDP.*" search_in="hdr" header="Via:" assign_to="via"/>
<ereg regexp="&lt;.*" search_in="hdr" header="From:" assign_to="them"/>
<ereg regexp="&lt;.*" search_in="hdr" header="To:" assign_to="us"/>
<ereg regexp="sip:[^&gt;;]+" search_in="hdr" header="Contact:" assign_to="target"/>
</action></recv>
<Reference variables="cseq,via,them,us,target"/>
"""


def _cancelled() -> str:
    """What a phone does from label ``cancel`` on."""
    terminated = """SIP/2.0 487 Request Terminated
        Via: [$via]
        From: [$them]
        To: [$us];tag=p[pid]-[call_number]
        [last_Call-ID:]
        CSeq: [$cseq] INVITE
        Content-Length: 0"""
    return (
        '<label id="cancel"/>\n'
        + _send(_answer_to("200 OK", to_tag=True))
        + _send(terminated, retrans=True)
        + '<recv request="ACK" next="end"/>\n'
    )


def _phone_request(method: str, cseq: int, body: str = "Content-Length: 0") -> str:
    return f"""{method} [$target] SIP/2.0
        Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-{method}{cseq}-[pid]-[call_number]
        From: [$us];tag=p[pid]-[call_number]
        To: [$them]
        Call-ID: [call_id]
        CSeq: {cseq} {method}
        Contact: <sip:[local_ip]:[local_port]>
        Max-Forwards: 70
        {body}"""


def phone_script(phone: Phone, *, deaf: str = "") -> str:
    """A phone that takes any number of calls, each in the same way; one whose INVITE fits the pattern ``deaf`` it lets ring."""
    if phone.kind == "silent":
        return _document(
            "silent phone", _INVITE + f'<recv request="CANCEL" timeout="{_ms(None)}" ontimeout="end"/>\n<label id="end"/>\n<nop/>\n'
        )
    if phone.kind in {"busy", "decline"}:
        status = {"busy": "486 Busy Here", "decline": "603 Decline"}[phone.kind]
        return _document(phone.kind, _INVITE + _send(_answer_to(status, to_tag=True), retrans=True) + '<recv request="ACK"/>\n')
    body = _INVITE + _send(_answer_to("180 Ringing", to_tag=True, contact=True))
    wait = _ms(phone.after if phone.kind == "answer" else None)
    if deaf:
        match = f'<ereg regexp="{deaf}" search_in="msg" assign_to="deaf"/>\n</action></recv>\n<Reference variables="deaf"/>\n'
        body = body.replace("</action></recv>\n", match, 1)
        body += '<nop next="deaf" test="deaf"/>\n'
    body += f'<recv request="CANCEL" timeout="{wait}" ontimeout="answer" next="cancel"/>\n<label id="answer"/>\n'
    ok = f"""SIP/2.0 200 OK
        Via: [$via]
        From: [$them]
        To: [$us];tag=p[pid]-[call_number]
        [last_Call-ID:]
        CSeq: [$cseq] INVITE
        Contact: <sip:[local_ip]:[local_port]>
        {_sdp()}"""
    body += _send(ok, retrans=True)
    # a CANCEL that crossed the 200: answered, then the PBX acknowledges and hangs up
    body += '<recv request="CANCEL" optional="true" next="crossed"/>\n<recv request="ACK" next="up"/>\n'
    body += '<label id="crossed"/>\n' + _send(_answer_to("200 OK", to_tag=True)) + '<recv request="ACK"/>\n<label id="up"/>\n'
    cseq = 1
    for position, (pause, digit) in enumerate(phone.digits):
        body += f'<recv request="BYE" next="over" timeout="{_ms(pause)}" ontimeout="digit{position}"/>\n<label id="digit{position}"/>\n'
        body += _send(
            _phone_request("INFO", cseq, f"Content-Type: application/dtmf-relay\nContent-Length: [len]\n\nSignal={digit}\nDuration=120"),
            retrans=True,
        )
        body += '<recv request="BYE" optional="true" next="over"/>\n<recv response="200"/>\n'
        cseq += 1
    for position, (moment, direction) in enumerate(((phone.hold_after, "sendonly"), (phone.resume_after, "sendrecv"))):
        if moment is not None:
            body += f'<recv request="BYE" next="over" timeout="{_ms(moment)}" ontimeout="hold{position}"/>\n<label id="hold{position}"/>\n'
            body += _send(_phone_request("INVITE", cseq, _sdp(direction, version=2 + position)), retrans=True)
            body += '<recv response="100" optional="true"/>\n<recv response="200"/>\n' + _send(_phone_request("ACK", cseq))
            cseq += 1
    body += f'<recv request="BYE" next="over" timeout="{_ms(phone.talk)}" ontimeout="bye"/>\n<label id="bye"/>\n'
    body += (
        _send(_phone_request("BYE", cseq), retrans=True)
        + '<recv request="BYE" optional="true" next="over"/>\n<recv response="200" next="end"/>\n'
    )
    body += '<label id="over"/>\n' + _send(_answer_to("200 OK"), after=' next="end"')
    body += '<label id="deaf"/>\n<recv request="CANCEL"/>\n' if deaf else ""
    body += _cancelled()
    return _document("phone", body + '<label id="end"/>\n<nop/>\n')


def carrier_script() -> str:
    """The trunk's far end: a number that ends in 2 rings until the PBX gives up, any other answers after a second."""
    return phone_script(Phone("answer", after=1.0), deaf="INVITE sip:[+0-9]*2@")
