"""Texts of strangers on a terminal: characters that move the cursor, hide or reorder text are shown as escapes."""

import re

# Control characters (C0, DEL, C1, among them the 8-bit CSI), line and paragraph separators, marks that override the
# direction of text, spaces without a width, annotations, lone surrogates. The joiners of emoji and of Indic and
# Persian words stay.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"
)
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def visible(text: str) -> str:
    """The text with line ends and tabs as they are, and every other such character as `\\u202e`."""
    return _HIDDEN.sub(lambda found: found[0] if found[0] in "\n\t" else _escape(found), text)


def visible_line(text: str) -> str:
    """As `visible`, on one line: line ends and tabs are escaped, too."""
    return _HIDDEN.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return _SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}"
