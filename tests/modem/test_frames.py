"""Bytes to lines: any split, noise, prompts of every make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.frames import Frame, Frames, Prompt

PROMPT = Prompt.PROMPT


def frames_of(*chunks: bytes) -> list[Frame]:
    frames = Frames()
    return [frame for chunk in chunks for frame in frames.feed(chunk)]


@given(st.binary(max_size=400), st.data())
def test_any_split_gives_the_same_frames(data: bytes, draw: st.DataObject) -> None:
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=20)))
    chunks = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert frames_of(*chunks) == frames_of(data)


def test_a_dialogue_byte_by_byte() -> None:
    data = b'AT+CMGS=23\r\r\n> \r\n+CMGS: 7\r\n\r\nOK\r\n+CMTI: "SM",3\r\n'
    assert frames_of(*(bytes([octet]) for octet in data)) == ["AT+CMGS=23", PROMPT, "+CMGS: 7", "OK", '+CMTI: "SM",3']


@pytest.mark.parametrize(
    "data",
    [b"\r\n> ", b"\r\n>", b">", b"> ", b"\r\n>\r\n", b"\r\n>\r\n ", b"\x00\r\n\x00> ", b"\xff> ", b"AT+CMGS=9\r>"],
    ids=["usual", "bare", "no line end before", "no line end, blank", "line ends (SIM7670G)", "blank after", "NULs", "noise", "after echo"],
)
def test_prompts_of_every_make(data: bytes) -> None:
    """Defect 8: gsmmodem knows "> " alone."""
    assert frames_of(data).count(PROMPT) == 1


def test_a_greater_sign_within_a_line_is_no_prompt() -> None:
    assert frames_of(b'+CUSD: 0,"a > b"\r\n') == ['+CUSD: 0,"a > b"']


def test_noise_is_dropped_and_the_lines_round_it_survive() -> None:
    """Defect 2: one byte of 0x80 and more ends gsmmodem's reader."""
    assert frames_of(b"\xff\xfe\x80\x00\r\nO\xc3K\r\n\x00\x00\x00+CSQ: 2\x801,99\r\n") == ["OK", "+CSQ: 21,99"]


@given(st.binary(max_size=200))
def test_what_comes_after_noise_is_read(noise: bytes) -> None:
    assert frames_of(noise, b'\r\n+CMTI: "SM",3\r\n')[-1] == '+CMTI: "SM",3'


def test_a_flood_without_a_line_end_is_dropped_and_memory_stays() -> None:
    frames = Frames()
    for _ in range(1000):
        assert frames.feed(b"x" * 1000) == []
    assert len(frames._rest) <= 5096  # that it is bounded is the point
    assert frames.feed(b"\r\nOK\r\n") == ["OK"]
