"""Files that people write and read -> lines of prose, and the human language they are in."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

_LANGUAGES = """
af ar az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km ko ku
lt lv mk ml mn mr ms nb ne nl nn no pl ps pt ro ru sk sl sq sr sv sw ta te th tr ug uk ur uz vi zh
"""
CODES = frozenset(_LANGUAGES.split())  # ISO 639-1, human languages
_SCRIPTS = {  # language that stands for a script -> its characters
    "ja": "\u3040-\u30ff", "ko": "\uac00-\ud7a3", "zh": "\u4e00-\u9fff", "ru": "\u0400-\u04ff", "ar": "\u0600-\u06ff",
    "he": "\u0590-\u05ff", "el": "\u0370-\u03ff", "th": "\u0e00-\u0e7f", "hi": "\u0900-\u097f", "ka": "\u10a0-\u10ff",
    "hy": "\u0530-\u058f", "ta": "\u0b80-\u0bff", "bn": "\u0980-\u09ff",
}  # fmt: skip
_OF_SCRIPT = {language: re.compile(f"[{signs}]") for language, signs in _SCRIPTS.items()}
_SAME_SCRIPT = {  # languages that are written in the script of another
    "ru": "be bg kk mk mn ru sr uk uz", "ar": "ar fa ku ps ug ur", "hi": "hi mr ne", "ja": "ja", "zh": "zh ja",
}  # fmt: skip
_STOP_WORDS = {
    "en": "the of and to is in for that with this are be you it can not or by from as on if an will",
    "de": "der die das und ist nicht ein eine zu den mit für von werden auf wird sie im dem oder wenn kann",
    "fr": "le la les des et est une un pour dans que pas du vous sur avec ce par qui ou être au",
    "es": "el la los las de que y en un una para con no se por del es su como este puede",
    "it": "il di che la per un una è non con del della sono gli nel questo si dei alla",
    "pt": "o a os as de que e um uma para não do da em no na por se ser você",
    "nl": "de het een en van is niet voor met op dat te zijn wordt deze worden aan",
    "pl": "i w na nie jest do się z to że dla od przez lub po jako może",
    "sv": "och att det som en är av för på inte med till den ett om kan eller",
    "da": "og at det som en er af for på ikke med til den et om kan eller skal",
    "fi": "ja on ei se että tai kun jos ole tämä voi käyttää",
    "cs": "a v na se je že pro to není s do jako nebo pokud jsou",
    "tr": "ve bir bu için ile de da olarak değil veya var daha",
    "hu": "a az és nem hogy egy is van vagy ez meg ha",
    "ro": "și de la în nu este pentru cu un o care sau din",
    "vi": "và của là không được các cho trong có này với",
    "id": "yang dan di untuk dengan tidak ini dari dalam adalah atau",
}
_WORDS = {
    language: frozenset(word for word in words.split() if len(word) > 1) for language, words in _STOP_WORDS.items()
}
_LOCALE = re.compile(
    r"(?:^|/)(?:locales?|lang|i18n|translations?|nls|man|po|_locales|l10n|languages?|msgs|values)[/-]"
    r"(?:[\w-]*[._-])??([a-z]{2})(?:[-_]r?[A-Za-z]{2,4})?(?:\.utf-?8)?(?:/[^/]*|/LC_MESSAGES/[^/]*|\.\w+)$",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"(?:^|/)[\w-]+?[._-]([a-z]{2})(?:[-_][A-Za-z]{2,4})?\.(?:md|rst|txt|html)$")
_APPLE = re.compile(r"(?:^|/)([a-z]{2})(?:-\w+)?\.lproj/")
_FENCE = re.compile(r"^\s*(```|~~~)")
_CODE_LINE = re.compile(
    r"^( {3,}|\t)|^\s*(>>>|\.\.\.|\$|#!|<\w|</|\{|\}|import |from .* import|\.\. )|[;{}]\s*$|=>|\(\)"
)
_QUOTED = re.compile(r"\"((?:\\.|[^\"\\\n])*)\"|'((?:\\.|[^'\\\n])*)'|>([^<>{}\n]+)<")
_STRING = re.compile(r'"((?:\\.|[^"\\])*)"')
LOCALE_FILES = frozenset({".js", ".ts", ".json", ".php", ".lua", ".yml", ".xml", ".strings", ".properties", ".rc"})
MIN_LETTERS = 0.7  # share of what is no white space
MIN_DIFFERENT, MIN_SMALL = 3, 0.12  # small words of a language: how many different ones, and their share of all words


def path_language(path: str) -> str | None:
    """Return the human language that a path names, such as de for locale/de_AT/LC_MESSAGES/x.po and README.de.md."""
    for pattern in (_APPLE, _LOCALE, _SUFFIX):
        if (found := pattern.search(path)) and found[1].lower() in CODES:
            return found[1].lower()
    return None


def language_of_text(text: str) -> str | None:
    """Return the human language of a text, by its script and else by its commonest small words; None for none."""
    letters = sum(character.isalpha() for character in text)
    counts = {language: len(pattern.findall(text)) for language, pattern in _OF_SCRIPT.items()}
    if letters and sum(counts.values()) > 0.3 * letters:
        if counts["ja"] > 0.1 * (counts["ja"] + counts["zh"]) and counts["ja"] > 3:
            return "ja"
        return max(counts, key=lambda language: counts[language])
    words = Counter(re.findall(r"[^\W\d_]+", text.lower()))
    found = {language: sum(words[word] for word in listed) for language, listed in _WORDS.items()}
    best = max(found, key=lambda language: found[language])
    different = sum(word in words for word in _WORDS[best])
    return best if different >= MIN_DIFFERENT and found[best] >= MIN_SMALL * sum(words.values()) else None


def agreed_language(path: str, text: str) -> str | None:
    """Return the human language that path and text agree on; that of the text where the path names none."""
    named, read = path_language(path), language_of_text(text)
    if named is None or named == read:
        return read
    if read in _OF_SCRIPT or named in _OF_SCRIPT:
        return named if read and named in _SAME_SCRIPT.get(read, read).split() else read
    return named if read is None or read != "en" else None  # a translation that nobody has written yet


def prose_lines(text: str) -> list[str]:
    """Markdown, reStructuredText or plain text -> its lines without blocks of code."""
    kept, fenced, literal = [], False, False
    for line in text.split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
            continue
        if literal and line.strip() and not line[0].isspace():
            literal = False
        if not (fenced or literal or _CODE_LINE.search(line)):
            kept.append(line.rstrip())
        literal = literal or line.rstrip().endswith("::")
    return kept


def translated_lines(path: str, text: str) -> list[str]:
    """File of translations -> the translated sentences and words, one a line."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix == ".po":
        found = list(_messages(text))
    elif suffix in (".properties", ".yml", ".rc"):
        found = [line.partition("=" if "=" in line else ":")[2].strip(" \"',") for line in text.split("\n")]
    else:
        found = [next(filter(None, groups), "") for groups in _QUOTED.findall(text)]
    return list(dict.fromkeys(line for line in map(_unescaped, found) if _is_sentence(line)))


def _messages(text: str) -> Iterator[str]:
    """Yield the msgstr texts of a .po file."""
    for block in re.split(r"\n\s*\n", text)[1:]:
        for part in re.split(r"^(?=msgstr)", block, flags=re.MULTILINE)[1:]:
            yield "".join(_STRING.findall(part)).replace("\\n", " ")


def _unescaped(line: str) -> str:
    line = re.sub(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))", lambda code: chr(int(code[1] or code[2], 16)), line)
    return " ".join(re.sub(r"\\[nrt]", " ", line).replace("\\", "").split())


def _is_sentence(line: str) -> bool:
    """Return whether a string reads as words and not as a name of the program."""
    ink = [character for character in line if not character.isspace()]
    if len(ink) < 4 or line == "use strict" or not is_wordy(line):
        return False
    words = re.findall(r"[^\W\d_]{3,}", line)
    return len(words) > 1 or any(ord(character) > 0x2FF for character in line)


def is_wordy(text: str) -> bool:
    """Return whether a text is letters for the most part, as prose is and code is not."""
    ink = [character for character in text if not character.isspace()]
    marks = (unicodedata.category(character) for character in ink)
    return sum(mark[0] in "LM" for mark in marks) >= MIN_LETTERS * len(ink)
