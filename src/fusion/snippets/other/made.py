"""Kinds and variants of texts made by rule: each a function (random, number of lines) -> lines."""

import base64
import json
import string
from collections.abc import Callable, Sequence
from random import Random

Maker = Callable[[Random, int], list[str]]

_CONSONANTS, _VOWELS = "bcdfghklmnprstvz", "aeiou"
_LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "NOTICE")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PROGRAMS = ("sshd", "cron", "kernel", "systemd", "nginx", "postfix/smtpd", "dhclient", "NetworkManager", "dbus")
_EVENTS = (
    "connection from {ip} port {n} closed", "user {w} logged in", "request {h} took {n} ms", "cannot open /{w}/{w}.{w}",
    "timeout after {n} seconds", "started {w} service", "retrying {w} ({n} of {n})", "disk {w} is {n}% full",
    "received {n} bytes from {ip}", "cache miss for key {h}", "shutting down worker {n}", "checksum {h} does not match",
)  # fmt: skip


def word(random: Random) -> str:
    """Return a word that means nothing."""
    return "".join(random.choice(_CONSONANTS) + random.choice(_VOWELS) for _ in range(random.randint(1, 4)))


def _hex(random: Random, digits: int) -> str:
    return f"{random.getrandbits(4 * digits):0{digits}x}"


def _ip(random: Random) -> str:
    return ".".join(str(random.randint(1, 254)) for _ in range(4))


def _event(random: Random) -> str:
    parts = random.choice(_EVENTS)
    while "{" in parts:
        parts = parts.replace("{ip}", _ip(random), 1).replace("{n}", str(random.randint(1, 9999)), 1)
        parts = parts.replace("{w}", word(random), 1).replace("{h}", _hex(random, 12), 1)
    return parts


def _clock(random: Random) -> str:
    return f"{random.randint(0, 23):02}:{random.randint(0, 59):02}:{random.randint(0, 59):02}"


def _date(random: Random) -> str:
    return f"{random.randint(1999, 2031)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"


def _short_date(random: Random) -> str:
    return f"{random.choice(_MONTHS)} {random.randint(1, 28):2} {_clock(random)}"


def _each(line: Callable[[Random], str]) -> Maker:
    """Return the maker of lines that do not know each other."""
    return lambda random, count: [line(random) for _ in range(count)]


def _request(random: Random) -> str:
    verb = random.choice(("GET", "GET", "POST", "HEAD", "PUT"))
    return f"{verb} /{'/'.join(word(random) for _ in range(random.randint(1, 3)))} HTTP/1.1"


def _access(random: Random) -> str:
    when = f"{random.randint(1, 28):02}/{random.choice(_MONTHS)}/{random.randint(2001, 2030)}:{_clock(random)} +0000"
    status, size = random.choice((200, 200, 304, 404, 500)), random.randint(0, 99999)
    return f'{_ip(random)} - - [{when}] "{_request(random)}" {status} {size} "-" "Mozilla/5.0 ({word(random)})"'


def _stamped(random: Random) -> str:
    return f"{_date(random)} {_clock(random)},{random.randint(0, 999):03}"


def _level(random: Random) -> str:
    return random.choice(_LEVELS).lower()


def _thread(random: Random) -> str:
    return (
        f"{random.randint(100, 9999):5} {random.randint(100, 9999):5} {random.choice('VDIWE')} {word(random).title()}"
    )


def _as_json(random: Random) -> str:
    return json.dumps({"ts": random.randint(10**9, 2 * 10**9), "level": _level(random), "message": _event(random)})


_LOGS: dict[str, Maker] = {
    "access": _each(_access),
    "syslog": _each(lambda r: f"{_short_date(r)} {word(r)} {r.choice(_PROGRAMS)}[{r.randint(2, 32000)}]: {_event(r)}"),
    "levels": _each(lambda r: f"{_stamped(r)} {r.choice(_LEVELS)} {word(r)}.{word(r)}: {_event(r)}"),
    "brackets": _each(lambda r: f"[{_date(r)}T{_clock(r)}Z] [{_level(r)}] [{word(r)}] {_event(r)}"),
    "kernel": _each(lambda r: f"[{r.uniform(0, 90000):12.6f}] {word(r)} {r.randint(0, 9)}: {_event(r)}"),
    "android": _each(lambda r: f"{_date(r)[5:]} {_clock(r)}.{r.randint(0, 999):03} {_thread(r)}: {_event(r)}"),
    "pairs": _each(lambda r: f'time={_date(r)}T{_clock(r)}Z level={_level(r)} msg="{_event(r)}" id={_hex(r, 8)}'),
    "json": _each(_as_json),
}


def _cell(random: Random) -> str:
    return random.choice((word, lambda r: str(r.randint(0, 10**6)), lambda r: f"{r.uniform(-99, 999):.2f}", _date))(
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
    "xxd": _xxd, "hexdump": _hexdump, "pairs": _each(lambda r: r.randbytes(16).hex(" ").upper()),
    "sums": _each(lambda r: f"{_hex(r, 64)}  {word(r)}-{r.randint(0, 9)}.{r.randint(0, 20)}.tar.gz"),
    "solid": _each(lambda r: _hex(r, 64)),
}  # fmt: skip


def _signs(signs: str, low: int = 20, high: int = 90) -> Maker:
    return _each(lambda random: "".join(random.choices(signs, k=random.randint(low, high))))


def _spread(random: Random) -> str:
    return "".join(chr(random.choice((random.randint(0x21, 0x7E), random.randint(0xA1, 0x2FFF)))) for _ in range(50))


_NOISE: dict[str, Maker] = {
    "latin": _each(lambda r: "".join(c for c in r.randbytes(80).decode("latin-1") if c.isprintable())),
    "replaced": _each(lambda r: "".join(c for c in r.randbytes(80).decode("utf-8", "replace") if c.isprintable())),
    "printable": _signs("".join(map(chr, range(33, 127)))),
    "letters": _signs(string.ascii_letters + string.digits),
    "spread": _each(_spread),
    "punctuation": _signs(string.punctuation + "  "),
}


def _sentence(random: Random, words: Callable[[Random], str]) -> str:
    text = " ".join(words(random) for _ in range(random.randint(5, 16)))
    return text[:1].upper() + text[1:] + random.choice(".....?!:")


def _alphabet(first: int, last: int, gap: str = " ") -> Maker:
    """Return the maker of sentences of random characters of one script."""

    def words(random: Random) -> str:
        return "".join(chr(random.randint(first, last)) for _ in range(random.randint(2, 8)))

    return _each(lambda random: gap.join(_sentence(random, words).split(" ")))


_BABBLE: dict[str, Maker] = {
    "syllables": _each(lambda r: _sentence(r, word)), "cyrillic": _alphabet(0x430, 0x44F),
    "greek": _alphabet(0x3B1, 0x3C9), "hebrew": _alphabet(0x5D0, 0x5EA), "arabic": _alphabet(0x627, 0x64A),
    "devanagari": _alphabet(0x905, 0x939), "thai": _alphabet(0xE01, 0xE2E, ""), "hangul": _alphabet(0xAC00, 0xD7A3),
    "kana": _alphabet(0x3041, 0x3093, ""), "han": _alphabet(0x4E00, 0x8FFF, ""),
}  # fmt: skip


def _address(random: Random) -> str:
    return f"{word(random)}.{word(random)}@{word(random)}.{random.choice(('org', 'com', 'net', 'example'))}"


def _fields(names: Sequence[str], value: Callable[[Random], str], first: Callable[[Random], list[str]]) -> Maker:
    def make(random: Random, count: int) -> list[str]:
        return [*first(random), *(f"{random.choice(names)}: {value(random)}" for _ in range(count))][:count]

    return make


_MAIL = ("Message-ID", "X-Mailer", "Reply-To", "Cc", "List-Id", "In-Reply-To", "X-Spam-Score", "References", "Sender")
_HTTP = (
    "Content-Type",
    "Cache-Control",
    "ETag",
    "Server",
    "Vary",
    "Set-Cookie",
    "X-Request-Id",
    "Accept",
    "Age",
    "Via",
)
_STATUS = ("200 OK", "404 Not Found", "302 Found")


def _letter_head(random: Random) -> list[str]:
    day = f"{random.choice(_DAYS)}, {random.randint(1, 28)} {random.choice(_MONTHS)} {random.randint(1999, 2031)}"
    sender, title = f"{word(random).title()} <{_address(random)}>", _sentence(random, word)
    return [f"From: {sender}", f"To: {_address(random)}", f"Subject: {title}", f"Date: {day} {_clock(random)} +0000"]


def _received(random: Random) -> str:
    host = f"{word(random)}.{word(random)} ([{_ip(random)}])"
    return f"Received: from {host} by mx.{word(random)}.net with ESMTP id {_hex(random, 8)}"


_HEADERS: dict[str, Maker] = {
    "mail": _fields(_MAIL, lambda r: f"<{_hex(r, 10)}.{_address(r)}>", _letter_head),
    "received": _each(_received),
    "response": _fields(
        _HTTP, lambda r: f"{word(r)}/{word(r)}; {word(r)}={_hex(r, 6)}", lambda r: [f"HTTP/1.1 {r.choice(_STATUS)}"]
    ),
    "request": _fields(
        _HTTP, lambda r: f"{word(r)}, {word(r)};q=0.{r.randint(1, 9)}", lambda r: [_request(r), f"Host: {word(r)}.com"]
    ),
}


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
    "listing": _each(lambda r: f"-rw-r--r-- {r.randint(1, 9)} {word(r):<8} {word(r):<8} {r.randint(0, 10**7):>9} "
                     f"{_short_date(r)[:12]} {word(r)}.{r.choice(('txt', 'gz', 'pdf', 'jpg'))}"),
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
    "telephone": _each(_telephone),
}

_KEYBOARD: dict[str, Maker] = {
    "home row": _signs("asdfghjkl;", 5, 40), "left hand": _signs("qwertasdfgzxcvb ", 5, 50),
    "all keys": _signs("qwertyuiopasdfghjklzxcvbnm,./  ", 5, 60),
    "one key": _each(lambda r: r.choice(string.ascii_lowercase) * r.randint(3, 40)),
}  # fmt: skip

_WORDS: dict[str, Maker] = {
    "single": _each(word),
    "capital": _each(lambda r: word(r).title()),
    "bullets": _each(lambda r: f"* {word(r)} {word(r)}"),
    "counted": lambda random, count: [f"{n + 1}. {_sentence(random, word)}" for n in range(count)],
    "links": _each(lambda r: f"https://www.{word(r)}.com/{word(r)}/{_hex(r, 6)}?{word(r)}={r.randint(0, 99)}"),
    "files": _each(lambda r: "/".join(word(r) for _ in range(r.randint(2, 6))) + "." + r.choice(("txt", "png", "dat"))),
}

VARIANTS: dict[str, dict[str, Maker]] = {
    "log": _LOGS, "delimited": _DELIMITED, "base64": _ENCODED, "hex dump": _HEX, "random bytes": _NOISE,
    "babble": _BABBLE, "headers": _HEADERS, "table": _TABLES, "numbers": _NUMBERS, "keyboard": _KEYBOARD,
    "words": _WORDS,
}  # fmt: skip
