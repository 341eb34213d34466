"""Random numbers -> what stands around code in a picture: the rest of an editor, an article, a slide."""

from typing import Any

import numpy as np

NOUNS = """
    account anchor batch border branch buffer cache candle cell chapter column corner counter depth device door edge
    engine field figure folder frame garden group harbour header height index island kernel label ladder layer letter
    limit matrix member mirror motion number object offset order packet parent pattern planet pocket point price queue
    radius record region river sample screen season sector signal socket spring station stream table target thread
    ticket tower valley vector village weight window winter wire yard
""".split()  # noqa: SIM905
VERBS = ("keeps", "holds", "needs", "finds", "moves", "reads", "writes", "counts", "follows", "opens", "hides")
ADVERBS = ("often", "first", "slowly", "again", "later", "at once", "by itself", "twice", "in the end", "as before")
LINKS = ("because", "so that", "while", "but", "and then", "as long as", "until")
SUFFIXES = ("", ".txt", ".py", ".c", ".h", ".js", ".ts", ".md", ".toml", ".rs", ".go", ".java", ".css", ".yml", ".lua")
SHELL = (
    "$ make test", "$ ls -la", "$ git status", "On branch main", "nothing to commit, working tree clean",
    "12 passed in 0.84s", "warning: unused variable", "Compiling 3 files", "Done in 1.27s.", "$ grep -rn total .",
    "error: expected 2 arguments, got 3", "total 48", "Listening on port 8080", "$",
)  # fmt: skip


def word(rng: np.random.Generator) -> str:
    """Return a noun."""
    return str(rng.choice(NOUNS))


def file_name(rng: np.random.Generator) -> str:
    """Return the name of a file, whose suffix says nothing about the code in the picture."""
    joined = str(rng.choice(["_", "-", ""]))
    return joined.join([word(rng), word(rng)][: int(rng.integers(1, 3))]) + str(rng.choice(SUFFIXES))


def _clause(rng: np.random.Generator) -> str:
    return f"the {word(rng)} {rng.choice(VERBS)} a {word(rng)} {rng.choice(ADVERBS)}"


def sentence(rng: np.random.Generator) -> str:
    """Return a sentence, some with a word set as code."""
    text = f"{_clause(rng)} {rng.choice(LINKS)} {_clause(rng)}"
    if rng.random() < 0.3:
        text += f", as <code>{word(rng)}_{word(rng)}</code> does"
    return text[0].upper() + text[1:] + "."


def paragraph(rng: np.random.Generator) -> str:
    """Return one to four sentences."""
    return " ".join(sentence(rng) for _ in range(int(rng.integers(1, 5))))


def title(rng: np.random.Generator) -> str:
    """Return the words of a heading."""
    return f"{rng.choice(['How', 'Why', 'When', 'Where'])} the {word(rng)} {rng.choice(VERBS)} its {word(rng)}"


def editor_chrome(rng: np.random.Generator) -> dict[str, Any]:
    """Return what stands around the code pane. No file name or status tells the language of the code."""
    files = [file_name(rng) for _ in range(int(rng.integers(6, 16)))]
    tabs = [str(name) for name in rng.choice(files, size=int(rng.integers(1, 5)), replace=False)]
    active, shell = int(rng.integers(len(tabs))), int(rng.choice([0, 3, 5, 7]))
    line, column = int(rng.integers(1, 400)), int(rng.integers(1, 80))
    return {
        "files": files, "tabs": tabs, "active": active, "size": int(rng.choice([11, 12, 13])),
        "side": int(rng.integers(150, 260)), "minimap": bool(rng.random() < 0.7),
        "terminal": [str(rng.choice(SHELL)) for _ in range(shell)],
        "title": f"{tabs[active]} — {word(rng)}", "crumbs": f"src › {word(rng)} › {tabs[active]}",
        "status": ["main*", f"Ln {line}, Col {column}", f"Spaces: {rng.choice([2, 4])}", "UTF-8", "LF"],
        "accent": str(rng.choice(["#007acc", "#5a3e9b", "#2d7d46", "#a13d2d"])),
    }  # fmt: skip


def editor_marks(rng: np.random.Generator, tab: int) -> dict[str, Any]:
    """Return which marks an editor draws into the code: guides every so many columns, the caret and its line."""
    return {
        "guides": int(rng.choice([0, tab])), "active": bool(rng.random() < 0.6), "caret": int(rng.integers(0, 35)),
    }  # fmt: skip


def prose_around(rng: np.random.Generator, blocks: int, layout: str) -> dict[str, Any]:
    """Return an article or a slide: pairs of a tag and its text, with as many of the tag `code` as there are blocks."""
    parts = [("h1", title(rng))]
    if layout == "slide":
        bullets = "".join(f"<li>{title(rng)}</li>" for _ in range(int(rng.integers(2, 4))))
        parts += [("ul", bullets), ("code", "")]
    else:
        parts.append(("p", paragraph(rng)))
        for block in range(blocks):
            parts += [("p", paragraph(rng)), ("code", "")]
            if block + 1 < blocks and rng.random() < 0.5:
                parts.append(("h2", title(rng)))
        parts.append(("p", paragraph(rng)))
    dark = rng.random() < 0.3
    return {
        "parts": parts, "size": int(rng.choice([15, 16, 17])), "width": int(rng.choice([620, 700, 780])),
        "margin": int(rng.integers(16, 90)), "radius": int(rng.choice([0, 4, 8])),
        "paper": "#1d2027" if dark else str(rng.choice(["#ffffff", "#fcfaf6"])),
        "ink": "#d6d9df" if dark else "#25282d", "accent": str(rng.choice(["#b3402a", "#2a6fb3", "#4b8f3a"])),
    }  # fmt: skip
