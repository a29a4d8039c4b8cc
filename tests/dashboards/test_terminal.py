"""Texts of strangers on a terminal."""

import io

import pytest

from dashboards.terminal import cell, table, visible_console
from deploy.cli.visible_stream import VisibleText
from schemas.parsing.visible_text import visible, visible_line

HOSTILE = "a\x1b[2J\x9bb\u202ec\u2066d\x7f\x00\u2028\ufeff\ud800"


def test_characters_that_act_on_a_terminal_become_escapes() -> None:
    shown = "a\\u001b[2J\\u009bb\\u202ec\\u2066d\\u007f\\u0000\\u2028\\ufeff\\ud800"
    assert visible(HOSTILE) == shown
    assert cell(HOSTILE) == shown
    assert visible(shown) == shown


@pytest.mark.parametrize(
    "text", ["ação 📩 \U0001f468\u200d\U0001f469\u200d\U0001f467", "مرحبا می\u200cخواهم", "שלום", "a\n\tb"]
)
def test_other_texts_stay(text: str) -> None:
    assert visible(text) == text


def test_a_line_has_no_line_ends() -> None:
    assert visible_line("a\r\nb\tc") == cell("a\r\nb\tc") == "a\\r\\nb\\tc"


def test_a_console_writes_only_the_escape_sequences_of_rich() -> None:
    out = io.StringIO()
    console = visible_console(file=out, force_terminal=True, width=200, color_system="standard")
    console.print(HOSTILE, markup=False, highlight=False, style="red")
    console.print(table([HOSTILE], [[HOSTILE], [1.5]]))
    plain = out.getvalue().replace("\x1b[31m", "").replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert plain.count("u202ec") == 3
    assert not set(plain) & set("\x1b\x9b\u202e\u2066\x7f\x00\u2028\ufeff\ud800")


def test_bytes_in_pieces_become_visible_text() -> None:
    out = io.StringIO()
    stream = VisibleText(out)
    for piece in ("é\u202e".encode()[:3], "é\u202e".encode()[3:], b"\xff\n"):
        stream.buffer.write(piece)
    stream.write("\x1b")
    assert out.getvalue() == "é\\u202e\\xff\n\\u001b"
