"""Kinds and variants of texts that are made by rule, each a maker (random, number of lines) -> lines."""

import base64
import string
from collections.abc import Callable
from random import Random

from fusion.snippets.other.made_records import HEADERS, LOGS, Maker, date, each, hex_digits, sentence, short_date, word


def _cell(random: Random) -> str:
    return random.choice((word, lambda r: str(r.randint(0, 10**6)), lambda r: f"{r.uniform(-99, 999):.2f}", date))(
        random
    )


def _delimited(delimiter: str, quote: str = "") -> Maker:
    def make(random: Random, count: int) -> list[str]:
        columns = random.randint(3, 9)
        head = [word(random) for _ in range(columns)]
        rows = [[_cell(random) for _ in range(columns)] for _ in range(count - 1)]
        return [delimiter.join(f"{quote}{cell}{quote}" for cell in row) for row in [head, *rows]]

    return make


_DELIMITED: dict[str, Maker] = {
    "comma": _delimited(","), "semicolon": _delimited(";"), "tab": _delimited("\t"), "pipe": _delimited("|"),
    "quoted": _delimited(",", '"'),
}  # fmt: skip


def _wrapped(encode: Callable[[bytes], bytes], width: int) -> Maker:
    def make(random: Random, count: int) -> list[str]:
        text = encode(random.randbytes(count * width)).decode("ascii")
        return [text[start : start + width] for start in range(0, count * width, width)]

    return make


def _armoured(random: Random, count: int) -> list[str]:
    name = random.choice(("CERTIFICATE", "RSA PRIVATE KEY", "PUBLIC KEY", "PGP MESSAGE"))
    return [f"-----BEGIN {name}-----", *_wrapped(base64.b64encode, 64)(random, count), f"-----END {name}-----"]


_ENCODED: dict[str, Maker] = {
    "wide": _wrapped(base64.b64encode, 76), "narrow": _wrapped(base64.b64encode, 48), "armoured": _armoured,
    "url": _wrapped(base64.urlsafe_b64encode, 64), "base32": _wrapped(base64.b32encode, 64),
    "ascii85": _wrapped(base64.a85encode, 72),
}  # fmt: skip


def _shown(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def _xxd(random: Random, count: int) -> list[str]:
    rows = [random.randbytes(16) for _ in range(count)]
    return [f"{16 * n:08x}: {row.hex(' ', 2)}  {_shown(row)}" for n, row in enumerate(rows)]


def _hexdump(random: Random, count: int) -> list[str]:
    rows = [random.randbytes(16) for _ in range(count)]
    return [f"{16 * n:08x}  {row[:8].hex(' ')}  {row[8:].hex(' ')}  |{_shown(row)}|" for n, row in enumerate(rows)]


_HEX: dict[str, Maker] = {
    "xxd": _xxd, "hexdump": _hexdump, "pairs": each(lambda r: r.randbytes(16).hex(" ").upper()),
    "sums": each(lambda r: f"{hex_digits(r, 64)}  {word(r)}-{r.randint(0, 9)}.{r.randint(0, 20)}.tar.gz"),
    "solid": each(lambda r: hex_digits(r, 64)),
}  # fmt: skip


def _signs(signs: str, low: int = 20, high: int = 90) -> Maker:
    return each(lambda random: "".join(random.choices(signs, k=random.randint(low, high))))


def _spread(random: Random) -> str:
    return "".join(chr(random.choice((random.randint(0x21, 0x7E), random.randint(0xA1, 0x2FFF)))) for _ in range(50))


_NOISE: dict[str, Maker] = {
    "latin": each(lambda r: "".join(c for c in r.randbytes(80).decode("latin-1") if c.isprintable())),
    "replaced": each(lambda r: "".join(c for c in r.randbytes(80).decode("utf-8", "replace") if c.isprintable())),
    "printable": _signs("".join(map(chr, range(33, 127)))),
    "letters": _signs(string.ascii_letters + string.digits),
    "spread": each(_spread),
    "punctuation": _signs(string.punctuation + "  "),
}


def _alphabet(first: int, last: int, gap: str = " ") -> Maker:
    """Return the maker of sentences of random characters of one script."""

    def words(random: Random) -> str:
        return "".join(chr(random.randint(first, last)) for _ in range(random.randint(2, 8)))

    return each(lambda random: gap.join(sentence(random, words).split(" ")))


_BABBLE: dict[str, Maker] = {
    "syllables": each(lambda r: sentence(r, word)), "cyrillic": _alphabet(0x430, 0x44F),
    "greek": _alphabet(0x3B1, 0x3C9), "hebrew": _alphabet(0x5D0, 0x5EA), "arabic": _alphabet(0x627, 0x64A),
    "devanagari": _alphabet(0x905, 0x939), "thai": _alphabet(0xE01, 0xE2E, ""), "hangul": _alphabet(0xAC00, 0xD7A3),
    "kana": _alphabet(0x3041, 0x3093, ""), "han": _alphabet(0x4E00, 0x8FFF, ""),
}  # fmt: skip


def _ruled(corner: str, flat: str, side: str) -> Maker:
    def make(random: Random, count: int) -> list[str]:
        widths = [random.randint(6, 14) for _ in range(random.randint(2, 6))]
        rule = corner + corner.join(flat * (width + 2) for width in widths) + corner
        rows = [
            side + side.join(f" {_cell(random)[:width]:<{width}} " for width in widths) + side for _ in range(count)
        ]
        return [rule, rows[0], rule, *rows[1:], rule] if count > 1 else rows

    return make


def _aligned(random: Random, count: int) -> list[str]:
    widths = [random.randint(8, 16) for _ in range(random.randint(3, 6))]
    return ["".join(f"{_cell(random)[: width - 1]:>{width}}" for width in widths) for _ in range(count)]


_TABLES: dict[str, Maker] = {
    "plus": _ruled("+", "-", "|"), "boxes": _ruled("┼", "─", "│"), "markdown": _ruled("|", "-", "|"),
    "aligned": _aligned,
    "listing": each(lambda r: f"-rw-r--r-- {r.randint(1, 9)} {word(r):<8} {word(r):<8} {r.randint(0, 10**7):>9} "
                     f"{short_date(r)[:12]} {word(r)}.{r.choice(('txt', 'gz', 'pdf', 'jpg'))}"),
}  # fmt: skip


def _row_of(number: Callable[[Random], str], gap: str) -> Maker:
    return lambda random, count: [gap.join(number(random) for _ in range(n)) for n in [random.randint(1, 10)] * count]


def _telephone(random: Random) -> str:
    return f"+{random.randint(1, 99)} {random.randint(100, 999)} {random.randint(1000, 9999)} {random.randint(10, 99)}"


_NUMBERS: dict[str, Maker] = {
    "whole": _row_of(lambda r: str(r.randint(-(10**4), 10**6)), " "),
    "decimal": _row_of(lambda r: f"{r.gauss(0, 50):.4f}", "  "),
    "scientific": _row_of(lambda r: f"{r.gauss(0, 1):.6e}", " "),
    "digits": _row_of(lambda r: str(r.randint(0, 9)), ""),
    "telephone": each(_telephone),
}

_KEYBOARD: dict[str, Maker] = {
    "home row": _signs("asdfghjkl;", 5, 40), "left hand": _signs("qwertasdfgzxcvb ", 5, 50),
    "all keys": _signs("qwertyuiopasdfghjklzxcvbnm,./  ", 5, 60),
    "one key": each(lambda r: r.choice(string.ascii_lowercase) * r.randint(3, 40)),
}  # fmt: skip

_WORDS: dict[str, Maker] = {
    "single": each(word),
    "capital": each(lambda r: word(r).title()),
    "bullets": each(lambda r: f"* {word(r)} {word(r)}"),
    "counted": lambda random, count: [f"{n + 1}. {sentence(random, word)}" for n in range(count)],
    "links": each(lambda r: f"https://www.{word(r)}.com/{word(r)}/{hex_digits(r, 6)}?{word(r)}={r.randint(0, 99)}"),
    "files": each(lambda r: "/".join(word(r) for _ in range(r.randint(2, 6))) + "." + r.choice(("txt", "png", "dat"))),
}

VARIANTS: dict[str, dict[str, Maker]] = {
    "log": LOGS, "delimited": _DELIMITED, "base64": _ENCODED, "hex dump": _HEX, "random bytes": _NOISE,
    "babble": _BABBLE, "headers": HEADERS, "table": _TABLES, "numbers": _NUMBERS, "keyboard": _KEYBOARD,
    "words": _WORDS,
}  # fmt: skip
