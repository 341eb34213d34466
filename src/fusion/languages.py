"""Label -> how that language is written: file extensions, Pygments lexer, other names it goes by."""

from dataclasses import dataclass

from fusion.config.errors import UserError, did_you_mean


@dataclass(frozen=True)
class Language:
    """A language, and what its files are known by."""

    name: str  # the label, as in the manifest
    lexer: str  # Pygments alias, for `render.highlight=true` only
    extensions: tuple[str, ...] = ()  # with the dot, lower case; snippets/corpus/language.py decides on shared ones
    aliases: tuple[str, ...] = ()
    filenames: tuple[str, ...] = ()  # lower case
    interpreters: tuple[str, ...] = ()  # after #! in a file without an extension


_ALL = (
    Language("Assembly", "gas", (".s", ".asm", ".nasm"), ("asm",)),
    Language("C", "c", (".c", ".h")),
    Language("C#", "csharp", (".cs",), ("csharp", "cs")),
    Language("C++", "cpp", (".cc", ".cpp", ".cxx", ".hpp", ".hh", ".hxx", ".ino", ".h"), ("cpp", "cxx")),
    Language("CMake", "cmake", (".cmake",), filenames=("cmakelists.txt",)),
    Language("CSS", "css", (".css",)),
    Language("Clojure", "clojure", (".clj", ".cljs", ".cljc"), ("clj",)),
    Language("Common Lisp", "common-lisp", (".lisp", ".lsp", ".cl", ".asd"), ("lisp", "cl")),
    Language("Cython", "cython", (".pyx", ".pxd", ".pxi")),
    Language("Dart", "dart", (".dart",)),
    Language("Elixir", "elixir", (".ex", ".exs"), ("ex",), interpreters=("elixir",)),
    Language("Emacs Lisp", "emacs-lisp", (".el",), ("elisp",)),
    Language("Erlang", "erlang", (".erl", ".hrl"), ("erl",), interpreters=("escript",)),
    Language("F#", "fsharp", (".fs", ".fsx", ".fsi"), ("fsharp",)),
    Language("Fortran", "fortran", (".f", ".for", ".f77", ".f90", ".f95", ".f03", ".f08"), ("f90",)),
    Language("GLSL", "glsl", (".glsl", ".vert", ".frag", ".fs", ".vs")),
    Language("Go", "go", (".go",), ("golang",)),
    Language("HTML", "html", (".html", ".htm", ".xhtml")),
    Language("Haskell", "haskell", (".hs",), ("hs",)),
    Language("JSX", "jsx", (".jsx", ".js")),
    Language("Java", "java", (".java",)),
    Language("JavaScript", "javascript", (".js", ".mjs", ".cjs"), ("js",), interpreters=("node", "nodejs")),
    Language("Julia", "julia", (".jl",), ("jl",), interpreters=("julia",)),
    Language("Kotlin", "kotlin", (".kt", ".kts"), ("kt",)),
    Language("Less", "less", (".less",)),
    Language("Lua", "lua", (".lua", ".luau"), interpreters=("lua", "luajit")),
    Language("MATLAB", "matlab", (".m",), ("octave",), interpreters=("octave",)),
    Language("OCaml", "ocaml", (".ml", ".mli"), ("ml",), interpreters=("ocaml",)),
    Language("Objective-C", "objective-c", (".m", ".mm", ".h"), ("objc", "objectivec")),
    Language("PHP", "php", (".php", ".phtml", ".inc"), interpreters=("php",)),
    Language("Pascal", "delphi", (".pas", ".pp", ".dpr", ".lpr", ".inc"), ("delphi", "objectpascal")),
    Language("Perl", "perl", (".pl", ".pm", ".t"), ("pl",), interpreters=("perl",)),
    Language("PowerShell", "powershell", (".ps1", ".psm1", ".psd1"), ("ps1",), interpreters=("pwsh",)),
    Language("Prolog", "prolog", (".pl", ".pro", ".prolog"), interpreters=("swipl",)),
    Language("Python", "python", (".py",), ("py",), interpreters=("python", "python2", "python3")),
    Language("R", "r", (".r",), interpreters=("rscript",)),
    Language("Ruby", "ruby", (".rb", ".gemspec", ".podspec", ".rake"), ("rb",),
             ("rakefile", "gemfile", "podfile", "vagrantfile", "fastfile"), ("ruby",)),
    Language("Rust", "rust", (".rs",), ("rs",)),
    Language("SCSS", "scss", (".scss",)),
    Language("SQL", "postgresql", (".sql", ".pgsql", ".tsql", ".plsql"), ("sqlite", "mysql", "tsql", "plsql")),
    Language("Scala", "scala", (".scala", ".sc", ".sbt")),
    Language("Scheme", "scheme", (".scm", ".ss", ".sld", ".sls"), ("scm",), interpreters=("guile",)),
    Language("Shell", "bash", (".sh", ".bash", ".zsh", ".ksh"), ("bash", "sh", "zsh"),
             interpreters=("sh", "bash", "zsh", "ksh", "dash")),
    Language("Solidity", "solidity", (".sol",), ("sol",)),
    Language("Svelte", "html", (".svelte",)),
    Language("Swift", "swift", (".swift",)),
    Language("SystemVerilog", "systemverilog", (".sv", ".svh"), ("sv",)),
    Language("TSX", "tsx", (".tsx",)),
    Language("Tcl", "tcl", (".tcl", ".tk", ".itcl"), interpreters=("tclsh", "wish")),
    Language("TeX", "tex", (".tex", ".sty", ".cls", ".ltx", ".dtx"), ("latex",)),
    Language("TypeScript", "typescript", (".ts", ".mts", ".cts"), ("ts",)),
    Language("VHDL", "vhdl", (".vhd", ".vhdl")),
    Language("Verilog", "verilog", (".v", ".vh")),
    Language("Vim script", "vim", (".vim",), ("viml", "vimscript"), (".vimrc",)),
    Language("Vue", "html", (".vue",)),
    Language("YAML", "yaml", (".yaml", ".yml"), ("yml",)),
)  # fmt: skip

OTHER = "Other"  # the label of what is no code in any language that a model knows
LANGUAGES = {language.name: language for language in _ALL}


def _claims(field: str) -> dict[str, tuple[str, ...]]:
    """Map each extension, file name or interpreter to the languages that use it, in the order of the table."""
    claims: dict[str, list[str]] = {}
    for language in _ALL:
        for word in getattr(language, field):
            claims.setdefault(word, []).append(language.name)
    return {word: tuple(names) for word, names in claims.items()}


BY_EXTENSION = {word: names[0] for word, names in _claims("extensions").items() if len(names) == 1}
BY_FILENAME = {word: names[0] for word, names in _claims("filenames").items()}
BY_INTERPRETER = {word: names[0] for word, names in _claims("interpreters").items()}


def find_language(name: str) -> Language:
    """Return the language called 'py', 'python' or 'Python'. Raises UserError for a name that none has."""
    lower = name.strip().lower()
    for language in _ALL:
        if lower == language.name.lower() or lower in language.aliases:
            return language
    aliases = [alias for language in _ALL for alias in language.aliases]
    close = did_you_mean(name, LANGUAGES) or did_you_mean(lower, aliases)
    raise UserError(f"Language {name!r} is not known{close}; it is one of {', '.join(LANGUAGES)}.")
