"""Text in the forms that manifests come in: XML made safe, and code without its comments."""

import re
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

# Comments, and the strings in which what looks like one is none. Each alternative ends at the
# first of its signs or at the end of the text, so that the time stays linear.
_STRING = r'"(?:\\.|[^"\\\n])*"?'
_C_COMMENT = r"//[^\n]*|/\*(?:.*?\*/|.*\Z)"
_STYLES = {
    rf"{_STRING}|'(?:\\.|[^'\\\n])*'?|{_C_COMMENT}": ("gradle", "kts"),
    rf"{_STRING}|{_C_COMMENT}": ("sbt", "scala", "swift", "zig", "mod", "work", "go", "rs", "java",
                                 "kt", "cs"),
    rf"{_STRING}|#[^\n]*": ("exs", "ex", "cr", "yml", "yaml", "txt", "build"),
    rf"{_STRING}|;[^\n]*": ("clj", "edn", "scm"),
    rf"{_STRING}|--[^\n]*": ("cabal", "hs"),
}  # fmt: skip
_COMMENTS = {
    ending: re.compile(pattern, re.DOTALL) for pattern, ends in _STYLES.items() for ending in ends
}


def load_xml(text: str) -> Element:
    """The document without what makes a bomb of one: it may declare no entities."""

    def refuse(*_: object) -> None:
        raise ValueError("it declares entities")

    def start(name: str, attributes: dict[str, str]) -> None:
        builder.start(name.rpartition(" ")[2], attributes)

    def end(name: str) -> None:
        builder.end(name.rpartition(" ")[2])

    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    # The text is decoded already, whatever its declaration says.
    parser.Parse(re.sub(r"\A\s*<\?xml[^>]*\?>", "", text), True)
    return builder.close()


def without_comments(text: str, path: str) -> str:
    """The text without comments, as the language that the path's ending names writes them."""
    mark = _COMMENTS.get(path.rpartition(".")[2])
    return mark.sub(_keep_string, text) if mark else text


def _keep_string(found: re.Match[str]) -> str:
    return found.group() if found.group().startswith(('"', "'")) else ""
