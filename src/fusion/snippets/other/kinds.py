"""Name of a file -> what kind of Other it can hold, and how a row of the snippet table tells its kind."""

import re
from pathlib import PurePosixPath

LANGUAGE, PROSE = "lang:", "prose-"  # how kinds begin: lang:Prolog, prose-de

_EXTENSIONS = {
    "json": "json geojson webmanifest jsonl ndjson",
    "toml": "toml",
    "ini": "ini cfg conf desktop service editorconfig gitmodules flake8 coveragerc",
    "xml": "xml plist xsd xslt xib storyboard csproj vcxproj props targets ui resx qrc filters config xcprivacy pom",
    "svg": "svg",
    "csv": "csv",
    "tsv": "tsv tab",
    "po": "po pot",
    "properties": "properties strings",
    "lock": "lock",
    "diff": "patch diff",
    "log": "log",
    "ignore": "gitignore npmignore dockerignore gitattributes hgignore",
    "pem": "pem crt",
    "yaml": "yaml yml",
    "prose": "md markdown mdx rst txt adoc textile",
    "lang:Batch": "bat cmd",
    "lang:Gradle": "gradle groovy",
    "lang:Protocol Buffers": "proto",
    "lang:GraphQL": "graphql gql",
    "lang:IDL": "idl webidl",
    "lang:M4": "m4 ac",
    "lang:Make": "mk mak",
    "lang:QML": "qml",
    "lang:CoffeeScript": "coffee",
    "lang:AWK": "awk",
    "lang:Nix": "nix",
    "lang:HCL": "tf hcl",
    "lang:LLVM": "ll",
    "lang:WebAssembly": "wat wast",
    "lang:Stylus": "styl",
    "lang:Pug": "pug jade",
    "lang:Haxe": "hx",
    "lang:Zig": "zig",
    "lang:Nim": "nim",
    "lang:Ada": "adb ads",
    "lang:Forth": "fth 4th",
    "lang:Thrift": "thrift",
    "lang:PostScript": "ps",
    "lang:Linker script": "ld lds",
    "lang:HLSL": "hlsl",
    "lang:GLSL": "glsl vert frag",
    "lang:BibTeX": "bib",
}
_BY_EXTENSION = {extension: kind for kind, listed in _EXTENSIONS.items() for extension in listed.split()}
_BY_NAME = {
    "makefile": "lang:Make", "gnumakefile": "lang:Make", "makefile.am": "lang:Make", "makefile.in": "lang:Make",
    "dockerfile": "lang:Dockerfile", "containerfile": "lang:Dockerfile", "pkg-info": "metadata", "metadata": "metadata",
    "package-lock.json": "lock", "pnpm-lock.yaml": "lock", "configure.ac": "lang:M4", "configure.in": "lang:M4",
    "cmakelists.txt": None, "requirements.txt": None,
}  # fmt: skip
_BEGINS = (
    ("licence", re.compile(r"(licen[sc]e|copying|notice|copyright|unlicense)([.-]\w+)?(\.(md|txt|rst))?$")),
    (
        "changelog",
        re.compile(r"(change-?logs?|changes|news|history|release[-_]?notes?)([.-][\w-]+)?(\.(md|txt|rst))?$"),
    ),
    ("prose", re.compile(r"(readme|authors|todo|install|contributing|contributors|thanks|faq)([.-][\w-]+)?$")),
)
_MANUAL = re.compile(r"\.[1-8][a-z]{0,2}$")
_FOREIGN = re.compile(
    r"(^|/)(node_modules|bower_components|(third|3rd)[_-]?party|vendor(ed)?|_vendor|[\w.-]+\.egg-info)/"
)

# Kinds that stand beside each other in turn, so that no one of them outweighs the others; the rest is "data".
_FAMILY = {"licence": "documents", "changelog": "documents", "man": "documents", "metadata": "documents"}
FAMILIES = ("English", "other human languages", "documents", "data", "languages")
LABEL_OF = {"yaml": "YAML"}  # kinds that are a label of some tables, and no Other there


def file_kind(path: str) -> str | None:
    """Return the kind of a file by its path in the package, `prose` for any human language; None for no kind."""
    name = PurePosixPath(path).name.lower()
    if _FOREIGN.search(path) or name.startswith("._"):
        return None
    if name in _BY_NAME:
        return _BY_NAME[name]
    for kind, pattern in _BEGINS:
        if pattern.match(name):
            return kind
    if _MANUAL.search(name):
        return "man"
    return _BY_EXTENSION.get(name.rpartition(".")[2]) if "." in name else None


def family_of(kind: str) -> str:
    """Return one of FAMILIES for a kind found in packages."""
    if kind.startswith(LANGUAGE):
        return "languages"
    if kind.startswith(PROSE):
        return "English" if kind == f"{PROSE}en" else "other human languages"
    return _FAMILY.get(kind, "data")


def mark(kind: str, path: str) -> str:
    """Return the path of a row as the snippet table has it: `[prose-de] package:README.de.md`."""
    return f"[{kind}] {path}"


def other_kind(path: str) -> str:
    """Return the kind that `mark` wrote in front of a path; '' where there is none."""
    found = re.match(r"\[([^\]]+)\] ", path)
    return found[1] if found else ""
