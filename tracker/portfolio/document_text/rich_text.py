"""Text of an RTF file, with tracked changes."""

import re
from dataclasses import dataclass, replace

from tracker.portfolio.document_text.code_pages import decode_code_page

TOKEN = re.compile(
    rb"\\bin(\d+) ?|\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.DOTALL
)
SKIPPED = {
    *("fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "themedata", "datastore", "listtable"),
    *("listoverridetable", "revtbl", "rsidtbl", "generator", "xmlnstbl", "latentstyles", "colorschememapping"),
    "fldinst",
}
BREAKS = {
    "par": "\n",
    "line": "\n",
    "row": "\n",
    "sect": "\n",
    "page": "\n",
    "tab": "\t",
    "cell": "| ",
    "emdash": "—",
    "endash": "–",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
    "bullet": "•",
}
SYMBOLS = {b"~": "\u00a0", b"_": "-", b"\n": "\n", b"\r": "\n", b"\\": "\\", b"{": "{", b"}": "}"}
MAX_DEPTH = 1_000
CHANGES = {"deleted": "deleted", "revised": "inserted"}


@dataclass
class _State:
    """The character formatting of a group: whether it is shown, its change, and the length of a replacement."""

    is_skipped: bool = False
    change: str = ""
    replacement_length: int = 1


class _RtfReader:
    """The text of one RTF file, collected token by token."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.states = [_State()]
        self.code_page = 1252
        self.change = ""
        self.skip_count = 0
        """How many of the next characters only replace the Unicode character before them, for older programs."""

    def add(self, text: str) -> None:
        state = self.states[-1]
        skipped, self.skip_count = text[: self.skip_count], max(0, self.skip_count - len(text))
        text = text[len(skipped) :]
        if state.is_skipped or not text:
            return
        if state.change != self.change:
            self.pieces.append("]" if self.change else "")
            self.pieces.append(f"[{state.change}: " if state.change else "")
            self.change = state.change
        self.pieces.append(text)

    def read_control(self, word: str, number: int | None) -> None:
        state = self.states[-1]
        if word in SKIPPED:
            state.is_skipped = True
        elif word in BREAKS:
            self.add(BREAKS[word])
        elif word == "u" and number is not None:
            self.add(chr(number % 0x10000))
            self.skip_count = state.replacement_length
        elif word == "uc":
            state.replacement_length = min(max(number or 0, 0), 16)
        elif word == "ansicpg":
            self.code_page = number or 1252
        elif word in CHANGES:
            state.change = "" if number == 0 else CHANGES[word]
        elif word == "plain":
            state.change = ""

    def read_symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self.states[-1].is_skipped = True
        else:
            self.add(SYMBOLS.get(symbol, ""))

    def read_brace(self, brace: bytes) -> None:
        if brace == b"{":
            self.states.append(replace(self.states[-1]))
        elif len(self.states) > 1:
            self.states.pop()
        if len(self.states) > MAX_DEPTH:
            raise ValueError("groups are nested too deeply")


def read_rtf(content: bytes) -> str:
    """Return the text of the document. Raises `ValueError` where groups are nested too deeply."""
    reader = _RtfReader()
    position = 0
    while match := TOKEN.match(content, position):
        position = match.end()
        binary, word, number, code, symbol, brace, plain = match.groups()
        if binary:
            position += int(binary)
        elif word:
            reader.read_control(word.decode(), int(number) if number else None)
        elif symbol:
            reader.read_symbol(symbol)
        elif brace:
            reader.read_brace(brace)
        elif not reader.states[-1].is_skipped:
            reader.add(decode_code_page(bytes.fromhex(code.decode()) if code else plain or b"", reader.code_page))
    if reader.change:
        reader.pieces.append("]")
    # RTF writes characters outside the basic plane as two \\u words, a surrogate pair; UTF-16 joins them.
    return "".join(reader.pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
