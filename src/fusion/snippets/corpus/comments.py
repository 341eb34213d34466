"""File -> which of its lines are comment or documentation.

By marks at the ends of a line, not by a parser: a window may be cut from the middle of a manual inside a program, where
nothing in the window says so, and a tenth of a second a file would double the time of a build.
"""

import re
from collections.abc import Mapping

_SLASHES = r"//"
_C = (r"/\*", r"\*/")
_QUOTES = r"\"\"\"|'''"  # they open and close
_LISP = (r"#\|", r"\|#")
_PAREN_STAR = (r"\(\*", r"\*\)")

# language -> how a line begins that is a comment, and what opens and closes a block of them at the start of a line, or
# what does both, anywhere
_MARKS: Mapping[str, tuple[str, tuple[str, str] | str | None]] = {
    **dict.fromkeys(
        ("C", "C++", "C#", "Java", "Kotlin", "Scala", "Go", "Rust", "Swift", "Objective-C", "Dart", "JavaScript",
         "TypeScript", "JSX", "TSX", "PHP", "CSS", "SCSS", "Less", "Solidity", "GLSL", "Verilog", "SystemVerilog"),
        (_SLASHES, _C),
    ),
    **dict.fromkeys(("Python", "Cython"), (r"#", _QUOTES)),
    **dict.fromkeys(("Shell", "R", "CMake", "YAML", "Tcl"), (r"#", None)),
    **dict.fromkeys(("Common Lisp", "Scheme", "Clojure", "Emacs Lisp"), (r";", _LISP)),
    "Ruby": (r"#", (r"^=begin\b", r"^=end\b")),
    "Perl": (r"#", (r"^=[a-z]\w*", r"^=cut\b")),
    "Lua": (r"--", (r"--\[=*\[", r"\]=*\]")),
    "SQL": (r"--", _C),
    "Haskell": (r"--", (r"\{-", r"-\}")),
    "OCaml": (r"(?!)", _PAREN_STAR),
    "Pascal": (_SLASHES, (r"\(\*|\{(?!\$)", r"\*\)|\}")),
    "PowerShell": (r"#", (r"<#", r"#>")),
    **dict.fromkeys(("Julia", "Elixir"), (r"#", _QUOTES)),
    "HTML": (r"(?!)", (r"<!--", r"-->")),
    "Vue": (_SLASHES, (r"<!--|/\*", r"-->|\*/")),
    "Svelte": (_SLASHES, (r"<!--|/\*", r"-->|\*/")),
    "Erlang": (r"%", None),
    "TeX": (r"%", None),
    "MATLAB": (r"[%#]", (r"[%#]\{\s*$", r"[%#]\}\s*$")),
    "Fortran": (r"!", None),
    "VHDL": (r"--", None),
    "Vim script": (r"\"", None),
    "Assembly": (r"[;#@]|//", _C),
}  # fmt: skip
_NEVER = re.compile(r"(?!)")
_COMPILED = {
    language: (
        re.compile(line),
        (re.compile(block[0]), re.compile(block[1])) if isinstance(block, tuple) else None,
        re.compile(block) if isinstance(block, str) else None,
    )
    for language, (line, block) in _MARKS.items()
}
_PREPROCESSOR = re.compile(r"#\s*(include|define|if|ifdef|ifndef|else|elif|endif|pragma|undef|import|!)")


def comment_lines(text: str, language: str) -> list[bool]:
    """Text of a whole file -> for each line whether it is blank, or nothing but comment, documentation or string."""
    begins, block, quotes = _COMPILED.get(language, (_NEVER, None, None))
    answers, inside = [], False
    for line in text.split("\n"):
        bare = line.strip()
        is_comment = inside or not bare or bool(begins.match(bare) and not _PREPROCESSOR.match(bare))
        if quotes:
            is_comment = is_comment or bool(quotes.match(bare))
            inside ^= len(quotes.findall(bare)) % 2 == 1
        elif inside and block:
            inside = not block[1].search(bare)
        elif block and not is_comment and (opened := block[0].match(bare)):
            closed = block[1].search(bare, opened.end())
            inside, is_comment = closed is None, closed is None or not bare[closed.end() :].strip()
        answers.append(is_comment)
    return answers
