"""What programs write: log lines, headers of mails and requests. Each a maker (random, number of lines) -> lines."""

import json
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


def sentence(random: Random, words: Callable[[Random], str]) -> str:
    """Return a sentence of 5 to 16 words."""
    text = " ".join(words(random) for _ in range(random.randint(5, 16)))
    return text[:1].upper() + text[1:] + random.choice(".....?!:")


def hex_digits(random: Random, digits: int) -> str:
    """Return a number of so many hexadecimal digits."""
    return f"{random.getrandbits(4 * digits):0{digits}x}"


def _ip(random: Random) -> str:
    return ".".join(str(random.randint(1, 254)) for _ in range(4))


def _event(random: Random) -> str:
    parts = random.choice(_EVENTS)
    while "{" in parts:
        parts = parts.replace("{ip}", _ip(random), 1).replace("{n}", str(random.randint(1, 9999)), 1)
        parts = parts.replace("{w}", word(random), 1).replace("{h}", hex_digits(random, 12), 1)
    return parts


def _clock(random: Random) -> str:
    return f"{random.randint(0, 23):02}:{random.randint(0, 59):02}:{random.randint(0, 59):02}"


def date(random: Random) -> str:
    """Return a day such as 2004-07-31."""
    return f"{random.randint(1999, 2031)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"


def short_date(random: Random) -> str:
    """Return a time such as Jul  3 12:00:59."""
    return f"{random.choice(_MONTHS)} {random.randint(1, 28):2} {_clock(random)}"


def each(line: Callable[[Random], str]) -> Maker:
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
    return f"{date(random)} {_clock(random)},{random.randint(0, 999):03}"


def _level(random: Random) -> str:
    return random.choice(_LEVELS).lower()


def _thread(random: Random) -> str:
    return (
        f"{random.randint(100, 9999):5} {random.randint(100, 9999):5} {random.choice('VDIWE')} {word(random).title()}"
    )


def _as_json(random: Random) -> str:
    return json.dumps({"ts": random.randint(10**9, 2 * 10**9), "level": _level(random), "message": _event(random)})


LOGS: dict[str, Maker] = {
    "access": each(_access),
    "syslog": each(lambda r: f"{short_date(r)} {word(r)} {r.choice(_PROGRAMS)}[{r.randint(2, 32000)}]: {_event(r)}"),
    "levels": each(lambda r: f"{_stamped(r)} {r.choice(_LEVELS)} {word(r)}.{word(r)}: {_event(r)}"),
    "brackets": each(lambda r: f"[{date(r)}T{_clock(r)}Z] [{_level(r)}] [{word(r)}] {_event(r)}"),
    "kernel": each(lambda r: f"[{r.uniform(0, 90000):12.6f}] {word(r)} {r.randint(0, 9)}: {_event(r)}"),
    "android": each(lambda r: f"{date(r)[5:]} {_clock(r)}.{r.randint(0, 999):03} {_thread(r)}: {_event(r)}"),
    "pairs": each(lambda r: f'time={date(r)}T{_clock(r)}Z level={_level(r)} msg="{_event(r)}" id={hex_digits(r, 8)}'),
    "json": each(_as_json),
}


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
    sender, title = f"{word(random).title()} <{_address(random)}>", sentence(random, word)
    return [f"From: {sender}", f"To: {_address(random)}", f"Subject: {title}", f"Date: {day} {_clock(random)} +0000"]


def _received(random: Random) -> str:
    host = f"{word(random)}.{word(random)} ([{_ip(random)}])"
    return f"Received: from {host} by mx.{word(random)}.net with ESMTP id {hex_digits(random, 8)}"


HEADERS: dict[str, Maker] = {
    "mail": _fields(_MAIL, lambda r: f"<{hex_digits(r, 10)}.{_address(r)}>", _letter_head),
    "received": each(_received),
    "response": _fields(
        _HTTP,
        lambda r: f"{word(r)}/{word(r)}; {word(r)}={hex_digits(r, 6)}",
        lambda r: [f"HTTP/1.1 {r.choice(_STATUS)}"],
    ),
    "request": _fields(
        _HTTP, lambda r: f"{word(r)}, {word(r)};q=0.{r.randint(1, 9)}", lambda r: [_request(r), f"Host: {word(r)}.com"]
    ),
}
