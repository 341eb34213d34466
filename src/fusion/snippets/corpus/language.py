"""Path and text of one file -> its language: by name, by extension and, where several share it, by content.

Only the rest of its package can tell the language of a C header; until then it is one of PENDING.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from fusion.languages import BY_EXTENSION, BY_FILENAME, BY_INTERPRETER

HEADER = "?h"  # C or C++, whichever the package is in
OBJC_HEADER = "?h objc"  # Objective-C, if the package is in it at all
PENDING = frozenset({HEADER, OBJC_HEADER})


def _lines(pattern: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE | flags)


_CPP = _lines(
    r"^\s*(template\s*<|namespace\s+\w+|class\s+\w+[^;()]*$|public:|private:|protected:|using\s+(namespace|\w+\s*=))"
    r"|std::|\bconstexpr\b|\bvirtual\s|\bstatic_cast<"
    r"|#include\s*<(string|vector|memory|map|iostream|algorithm|functional|utility|cstd\w+|atomic|type_traits)>"
)
_C_PLUS_PLUS_GUARD = _lines(r"^\s*#\s*if(def\s+|\s+defined\s*\(?\s*)__cplusplus.*?^\s*#\s*endif", re.DOTALL)
_OBJECTIVE_C = _lines(r"^\s*(@interface|@implementation|@protocol|@property|@class\s|@end|#import|NS_ASSUME_NONNULL)")
_MATLAB = _lines(r"^\s*(function\b|end(function|if|for|while)\b|%|classdef\b|\w+\s*=.*;\s*$|printf\s*\(|##? )")
_MERCURY = _lines(r"^\s*:-\s*(module|import_module|pred|func|interface)\b")
_PROLOG = _lines(r"^\s*:-\s|^[a-z]\w*\([^()]*\)\s*(:-|\.\s*$)|^[a-z]\w*\(.*\)\s*:-\s*$")
_PERL = _lines(r"^\s*(use\s+(strict|warnings|[\w:]+)|package\s+[\w:]+|sub\s+\w+|my\s*[($@%])|^#!.*perl|^=(head1|pod)\b")
_VERILOG = _lines(r"\bendmodule\b|^\s*module\s+\w+|^\s*`(define|include|timescale|ifdef)\b")
_COQ = _lines(r"^\s*(Require|Theorem|Lemma|Proof\.|Qed\.|Definition|Inductive)\b")
_SYSTEM_VERILOG = _lines(r"^\s*(always_(ff|comb|latch)|interface\s+\w+|class\s+\w+|import\s+\w+::)|\blogic\s*(\[|\w)")
_FSHARP = _lines(r"^\s*(module|namespace|open|let|type|member)\s+\w")
_GLSL = _lines(r"^\s*(uniform|varying|attribute|precision|void\s+main\s*\()|#version|\bgl_\w+|\bvec[234]\s*\(")
_LISP = _lines(r"^\s*\((def(un|macro|var|parameter|class|package|method|generic|struct|constant)|in-package|asdf:)")
_OPENCL = _lines(r"\b(__kernel|__global|get_global_id)\b")
_TEX_CLASS = _lines(r"\\(def|newcommand|Provides(Class|Package)|LoadClass|RequirePackage|NeedsTeXFormat)\b")
_PASCAL = _lines(r"^\s*(unit|program|interface|implementation|uses|procedure|function|begin|var|type|const)\b|^\{\$",
                 re.IGNORECASE)  # fmt: skip
_PASCAL_END = _lines(r"\bend[.;]\s*$|^\{\$", re.IGNORECASE)
_REBOL = _lines(r"^\s*(REBOL|Red)\s*\[", re.IGNORECASE)
_R = _lines(r"<-|\bfunction\s*\(|\blibrary\s*\(")
_ASSEMBLY = _lines(r"^\s*\.(text|globl|global|section|type|align|macro|data|word|byte)\b|^\s*\w+:\s*($|[;#/@])"
                   r"|^\s+(mov|add|sub|push|pop|call|jmp|ret|lw|sw|ldr|str|bl?|nop|li|la|cmp)\w*\s",
                   re.IGNORECASE)  # fmt: skip
_FORTRAN = _lines(r"^\s*(subroutine|program|function|module|implicit\s+none|integer|real|call\s|end)\b"
                  r"|^[cC*!]\s", re.IGNORECASE)  # fmt: skip
_JSX = _lines(r"</\w+>|<[A-Z]\w*(\s+\w+=|\s*/?>)|return\s*\(\s*<\w")
_REACT = _lines(r"from\s+['\"](p?react|solid-js)|require\(['\"]react['\"]\)|\bReact\.")
_SCHEME = _lines(r"^\s*\((define(-\w+)*|library|import|let\*?|module)\b")
_PERL_TEST = _lines(r"^\s*use\s+(strict|warnings|Test::|lib\b)|^#!.*perl")


def _header(text: str) -> str:
    """Return C++ for what only C++ has, outside of the part that C headers keep for C++ compilers."""
    if _OBJECTIVE_C.search(text):
        return OBJC_HEADER
    return "C++" if _CPP.search(_C_PLUS_PLUS_GUARD.sub("", text)) else HEADER


def _m(text: str) -> str | None:
    if _OBJECTIVE_C.search(text) or re.search(r"^\s*#include\s*[<\"]", text, re.MULTILINE):
        return "Objective-C"
    if _MERCURY.search(text):
        return None
    return "MATLAB" if len(_MATLAB.findall(text)) >= 2 else None


def _pl(text: str) -> str:
    return "Prolog" if _PROLOG.search(text) and not _PERL.search(text) else "Perl"


def _v(text: str) -> str | None:
    if _COQ.search(text) or not _VERILOG.search(text):
        return None
    return "SystemVerilog" if _SYSTEM_VERILOG.search(text) and "endmodule" not in text else "Verilog"


def _inc(text: str) -> str | None:
    if "<?php" in text[:400]:
        return "PHP"
    return "Pascal" if _PASCAL.search(text) and _PASCAL_END.search(text) and "#include" not in text else None


def _javascript(text: str) -> str | None:
    if "@flow" in text[:300]:
        return None  # JavaScript with types of its own
    return "JSX" if _REACT.search(text) and _JSX.search(text) else "JavaScript"


def _typescript(text: str) -> str | None:
    start = text.lstrip()[:9].lower()
    return None if start.startswith(("<!doctype", "<?xml", "<ts")) else "TypeScript"  # Qt's translations


def _if(pattern: re.Pattern[str], name: str, but: re.Pattern[str] | None = None) -> Callable[[str], str | None]:
    return lambda text: name if pattern.search(text) and not (but and but.search(text)) else None


_BY_CONTENT: Mapping[str, Callable[[str], str | None]] = {
    ".h": _header,
    ".m": _m,
    ".mm": _if(_OBJECTIVE_C, "Objective-C"),
    ".fs": lambda text: "GLSL" if _GLSL.search(text) else "F#" if _FSHARP.search(text) else None,
    ".vs": _if(_GLSL, "GLSL"),
    ".pl": _pl,
    ".pro": _if(_PROLOG, "Prolog"),
    ".t": _if(_PERL_TEST, "Perl"),
    ".v": _v,
    ".inc": _inc,
    ".cls": _if(_TEX_CLASS, "TeX"),
    ".cl": _if(_LISP, "Common Lisp", but=_OPENCL),
    ".ss": _if(_SCHEME, "Scheme"),
    ".pp": lambda text: "Pascal" if _PASCAL.search(text) and _PASCAL_END.search(text[-400:]) else None,
    ".r": lambda text: None if _REBOL.search(text[:2000]) or "#include" in text or not _R.search(text) else "R",
    ".s": lambda text: None if re.search(r"<-\s*function", text) or not _ASSEMBLY.search(text) else "Assembly",
    ".f": _if(_FORTRAN, "Fortran"),
    ".for": _if(_FORTRAN, "Fortran"),
    ".js": _javascript,
    ".mjs": _javascript,
    ".cjs": _javascript,
    ".ts": _typescript,
    ".php": lambda text: "PHP" if "<?php" in text or "<?=" in text else None,
}  # fmt: skip
_IGNORED = (
    ".d.ts",
    ".d.mts",
    ".d.cts",
    ".blade.php",
    ".min.js",
    ".min.css",
    "-min.js",
    ".bundle.js",
    "-lock.yaml",
    ".lock",
)


def language_of(path: str, text: str) -> str | None:
    """Return the language of a file; one of PENDING for a header; None for what is no language here."""
    name = PurePosixPath(path).name.lower()
    if name.endswith(_IGNORED) or name.startswith("._"):
        return None
    if name in BY_FILENAME:
        return BY_FILENAME[name]
    suffix = PurePosixPath(name).suffix
    if not suffix:
        return _by_interpreter(text)
    if rule := _BY_CONTENT.get(suffix):
        return rule(text)
    return BY_EXTENSION.get(suffix)


def may_be_code(path: str) -> bool:
    """Return whether a file of this name can be code at all; asked before its bytes are decoded."""
    name = PurePosixPath(path).name.lower()
    suffix = PurePosixPath(name).suffix
    return not suffix or suffix in BY_EXTENSION or suffix in _BY_CONTENT or name in BY_FILENAME


def _by_interpreter(text: str) -> str | None:
    """Return Python for a text that begins with #!/usr/bin/env python3."""
    if not text.startswith("#!"):
        return None
    words = [re.sub(r"[\d.]+$", "", word) for word in re.split(r"[\s/]+", text[2:].split("\n", 1)[0])]
    return next((BY_INTERPRETER[word] for word in words if word in BY_INTERPRETER), None)


def resolve_pending(pending: str, characters: Mapping[str, int]) -> str | None:
    """Return the language of a header, given the number of characters of each language in its package."""
    c, cpp, objective = (characters.get(name, 0) for name in ("C", "C++", "Objective-C"))
    if pending == OBJC_HEADER:
        return "Objective-C" if objective else None
    if cpp > 2 * c and cpp > objective:
        return "C++"
    return "Objective-C" if objective > c else "C"
