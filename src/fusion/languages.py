"""Label -> how that language is written: file extensions, Pygments lexer, other names it goes by."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    name: str  # the label, as in the manifest
    lexer: str  # Pygments alias, for `render.highlight=true` only
    extensions: tuple[str, ...] = ()  # with the dot, lower case
    aliases: tuple[str, ...] = ()


_ALL = (
    Language("C", "c", (".c",)),
    Language("C++", "cpp", (".cc", ".cpp", ".cxx", ".hpp", ".hh", ".hxx"), ("cpp", "cxx")),
    Language("CSS", "css", (".css",)),
    Language("Go", "go", (".go",), ("golang",)),
    Language("HTML", "html", (".html", ".htm", ".xhtml")),
    Language("Haskell", "haskell", (".hs",), ("hs",)),
    Language("Java", "java", (".java",)),
    Language("JavaScript", "javascript", (".js", ".mjs", ".cjs", ".jsx"), ("js", "node")),
    Language("Python", "python", (".py",), ("py",)),
    Language("R", "r", (".r",)),
    Language("Rust", "rust", (".rs",), ("rs",)),
    Language("SQL", "postgresql", (".sql", ".pgsql"), ("sqlite",)),
)

LANGUAGES = {language.name: language for language in _ALL}
BY_EXTENSION = {extension: language.name for language in _ALL for extension in language.extensions}
