"""From a stream of bytes to lines that can be stored and shown."""

import codecs

MAX_LINE_CHARACTERS = 8192


class LineSplitter:
    """Splits output into lines of bounded length.

    Invalid UTF-8 is replaced, NULs are removed, terminal escapes stay. A carriage return starts
    the line anew, as on a terminal, so that a progress bar leaves only its last state.
    """

    def __init__(self, max_characters: int = MAX_LINE_CHARACTERS):
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._max = max_characters
        self._buffer = ""

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes."""
        *complete, self._buffer = (self._buffer + self._decode(data)).split("\n")
        lines = [piece for line in complete for piece in self._pieces(line)]
        # A return at the very end may be the first half of CR LF, so it waits.
        body, separator, tail = self._buffer.rpartition("\r")
        if separator and tail:
            self._buffer = tail
        elif body:
            self._buffer = body.rpartition("\r")[2] + separator
        while len(self._buffer) > self._max:
            lines.append(self._buffer[: self._max])
            self._buffer = self._buffer[self._max :]
        return lines

    def end(self) -> list[str]:
        """What is left when the stream ends."""
        rest = self._buffer + self._decoder.decode(b"", final=True)
        self._buffer = ""
        return self._pieces(rest) if rest else []

    def _decode(self, data: bytes) -> str:
        return self._decoder.decode(data).replace("\0", "")

    def _pieces(self, line: str) -> list[str]:
        text = line.rstrip("\r").rpartition("\r")[2]
        return [text[i : i + self._max] for i in range(0, len(text), self._max)] or [""]
