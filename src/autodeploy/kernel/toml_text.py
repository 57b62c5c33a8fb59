"""TOML from strangers, in a time that grows with its length alone."""

import tomllib

# A key of many parts nests as deep, and tomllib takes the square of their number.
MOST_DOTS_IN_A_LINE = 500


def load_toml(text: str) -> dict[str, object]:
    """The document. Raises ``tomllib.TOMLDecodeError``, a ``ValueError``, for what is none."""
    if text.count(".") > MOST_DOTS_IN_A_LINE:
        for number, line in enumerate(text.splitlines(), 1):
            if line.count(".") > MOST_DOTS_IN_A_LINE:
                raise tomllib.TOMLDecodeError(f"Too many dots (at line {number}, column 1)")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("It nests too deep (at line 1, column 1)") from None
