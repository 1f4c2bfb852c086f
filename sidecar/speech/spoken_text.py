"""Written English as it is said: numbers, times, dates, money, units and signs become words. Pure.

A voice's phonemes come from words; of "9:30" or "$12.50" they would leave out what matters. American English. What the
text alone does not tell is decided here: a bare number from 1100 to 2099 is a year; five or more digits without commas
are an order number, a ZIP or a telephone number, and are said digit by digit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = (
    "zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
_POWERS = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_LARGEST = 10**15
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MONTH_OF = {month[:3].lower(): month for month in _MONTHS}
_MONEY = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
}
_UNITS = {
    "km/h": ("kilometer an hour", "kilometers an hour"), "mph": ("mile an hour", "miles an hour"),
    "km": ("kilometer", "kilometers"), "cm": ("centimeter", "centimeters"), "mm": ("millimeter", "millimeters"),
    "kg": ("kilogram", "kilograms"), "lbs": ("pound", "pounds"), "lb": ("pound", "pounds"), "ft": ("foot", "feet"),
    "ms": ("millisecond", "milliseconds"), "min": ("minute", "minutes"), "hrs": ("hour", "hours"),
    "kB": ("kilobyte", "kilobytes"), "MB": ("megabyte", "megabytes"), "GB": ("gigabyte", "gigabytes"),
    "°C": ("degree Celsius", "degrees Celsius"), "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"), "%": ("percent", "percent"),
}  # fmt: skip
_ABBREVIATIONS = {
    "Mr.": "Mister", "Mrs.": "Missis", "Ms.": "Miz", "Dr.": "Doctor", "St.": "Street", "Ave.": "Avenue",
    "No.": "number", "Nos.": "numbers", "e.g.": "for example", "i.e.": "that is", "etc.": "and so on", "vs.": "versus",
    "approx.": "approximately", "Inc.": "Incorporated", "Ltd.": "Limited", "Co.": "Company", "Jr.": "Junior",
    "dept.": "department", "a.m.": "A M", "p.m.": "P M", "w/o": "without", "ASAP": "as soon as possible",
}  # fmt: skip
_SIGNS = {
    "&": " and ", "+": " plus ", "=": " equals ", "@": " at ", "#": " number ", "%": " percent ", "*": " star ",
    "/": " slash ", "\\": " backslash ", "_": " underscore ", "°": " degrees ", "€": " euros ", "£": " pounds ",
    "$": " dollars ", "×": " times ", "÷": " divided by ", "<": " less than ", ">": " greater than ", "~": " about ",
    "|": " ", "^": " ", "`": " ",
}  # fmt: skip
_FRACTIONS = {"1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters"}
_GROUPED = r"\d{1,3}(?:,\d{3})+|\d+"
_MONTH_NAME = r"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|" + "|".join(_MONTHS) + r")"


def spoken(text: str) -> str:
    """The text in words: no digit is left, and nothing that already is a word is changed."""
    text = unicodedata.normalize("NFKC", text.replace("½", " 1/2 ").replace("¼", " 1/4 ").replace("¾", " 3/4 "))
    text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
    text = text.replace("⁄", "/").replace("−", "-").replace("’", "'")
    for pattern, words in _RULES:
        text = pattern.sub(words, text)
    for sign, words in _SIGNS.items():
        text = text.replace(sign, words)
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r" (?=[,.;:!?](?:\s|$))", "", text)


def cardinal(number: int) -> str:
    """12 as "twelve"; digit by digit from a quadrillion on. Raises ValueError below zero."""
    if number < 0:
        raise ValueError(f"{number}: expected 0 or more")
    if number >= _LARGEST:
        return digits(str(number))
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return f"{_TENS[tens]} {_ONES[ones]}" if ones else _TENS[tens]
    power, name = next((power, name) for power, name in _POWERS if number >= power)
    head, rest = divmod(number, power)
    return f"{cardinal(head)} {name}" + (f" {cardinal(rest)}" if rest else "")


def ordinal(number: int) -> str:
    """12 as "twelfth"."""
    head, _, last = cardinal(number).rpartition(" ")
    regular = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return f"{head} {_ORDINALS.get(last, regular)}".strip()


def year(number: int) -> str:
    """2026 as "twenty twenty six", 2005 as "two thousand five", 1900 as "nineteen hundred"."""
    century, rest = divmod(number, 100)
    if number // 10 == 200 or not 1100 <= number <= 2099:
        return cardinal(number)
    if not rest:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def digits(run: str) -> str:
    """ "0421" as "zero four two one"; whatever is no digit separates groups, which a comma lets be heard."""
    groups = re.findall(r"\d+", run)
    return ", ".join(" ".join(_ONES[int(digit)] for digit in group) for group in groups)


def _whole(written: str) -> str:
    """A number without sign and decimals: "1,200", "0421", "2026" or "48213"."""
    plain = written.replace(",", "")
    if "," not in written and (len(plain) >= 5 or (plain.startswith("0") and len(plain) > 1)):
        return digits(plain)
    if "," not in written and len(plain) == 4:
        return year(int(plain))
    return cardinal(int(plain))


def _amount(written: str) -> str:
    """A number that counts something: never a year, never digit by digit unless it starts with 0."""
    whole, _, decimals = written.replace(",", "").partition(".")
    said = digits(whole) if len(whole) > 1 and whole.startswith("0") else cardinal(int(whole))
    return f"{said} point {digits(decimals)}" if decimals else said


def _money(found: re.Match[str]) -> str:
    one, many, small, smalls = _MONEY[found["sign"]]
    whole = int(found["whole"].replace(",", ""))
    if found["scale"]:
        number = _amount(found["whole"] + (f".{found['part']}" if found["part"] else ""))
        return f"{number} {found['scale']} {many}"
    part = int((found["part"] or "0").ljust(2, "0")[:2])
    said = [f"{cardinal(whole)} {one if whole == 1 else many}"] if whole or not part else []
    said += [f"{cardinal(part)} {small if part == 1 else smalls}"] if part else []
    return " and ".join(said)


def _time(found: re.Match[str]) -> str:
    hour, minute = int(found["hour"]), int(found["minute"])
    half = (found["half"] or "").lower()
    if minute:
        said = f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    else:
        said = cardinal(hour) if half else f"{cardinal(hour)} o'clock"
    return f"{said} {half.upper()} M{_stop(found)}" if half else said


def _hour(found: re.Match[str]) -> str:
    return f"{cardinal(int(found['hour']))} {found['half'].upper()} M{_stop(found)}"


def _date(month: str, day: int, of_year: str | None) -> str:
    return f"{month} {ordinal(day)}" + (f", {year(int(of_year))}" if of_year else "")


def _named_date(found: re.Match[str]) -> str:
    return _date(_MONTH_OF[found["month"][:3].lower()], int(found["day"]), found["year"])


def _numbered_date(found: re.Match[str]) -> str:
    return _date(_MONTHS[int(found["month"]) - 1], int(found["day"]), found["year"])


def _unit(found: re.Match[str]) -> str:
    one, many = _UNITS[found["unit"]]
    return f"{_amount(found['number'])} {one if found['number'] == '1' else many}"


def _abbreviation(found: re.Match[str]) -> str:
    return _ABBREVIATIONS[found[0]] + _stop(found)


def _stop(found: re.Match[str]) -> str:
    """The full stop of a sentence whose last word is an abbreviation with one."""
    after = found.string[found.end() :].lstrip()
    return "." if found[0].endswith(".") and not after else ""


def _address(found: re.Match[str]) -> str:
    return found[0].replace("@", " at ").replace(".", " dot ")


def _alternatives(words: dict[str, object] | dict[str, str] | dict[str, tuple[str, str]]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_MONTH_DAY = r"(?P<month>0?[1-9]|1[0-2])"
_DAY = r"(?P<day>[12]\d|3[01]|0?[1-9])"
_HALF = r"(?P<half>[aApP])(?:[mM]\b|\.[mM]\.)"
_YEAR = r"(?P<year>\d{4})"

# In this order: what a later rule would take apart must be gone before it.
_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<![\w-])-(?=\d)"), "minus "),
    (
        re.compile(
            r"\b[\w.+-]+@[A-Za-z\d-]+(?:\.[A-Za-z\d-]+)+\b|\b[a-z][a-z\d-]*(?:\.[a-z][a-z\d-]*)*\.(?:com|org|net|example)\b"
        ),
        _address,
    ),
    (re.compile(r"\b24/7\b"), "twenty four seven"),
    (re.compile(rf"\b{_YEAR}-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])\b"), _numbered_date),
    (re.compile(rf"\b{_MONTH_DAY}/{_DAY}/{_YEAR}\b"), _numbered_date),
    (re.compile(rf"\b{_MONTH_NAME}\b\.? {_DAY}(?:st|nd|rd|th)?\b(?!\s*[:%/]\d)(?:,? {_YEAR}\b)?"), _named_date),
    (re.compile(rf"\b{_DAY}(?:st|nd|rd|th)? {_MONTH_NAME}\b(?:,? {_YEAR}\b)?"), _named_date),
    (re.compile(rf"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?: ?{_HALF})?(?![:\d])"), _time),
    (re.compile(rf"\b(?P<hour>1[0-2]|[1-9]) ?{_HALF}"), _hour),
    (re.compile(r"(?<![A-Za-z])(?:" + _alternatives(_ABBREVIATIONS) + r")(?![A-Za-z])"), _abbreviation),
    (
        re.compile(
            rf"(?P<sign>[$€£]) ?(?P<whole>{_GROUPED})(?:\.(?P<part>\d+))?(?: (?P<scale>million|billion|trillion)\b)?"
        ),
        _money,
    ),
    (
        re.compile(rf"(?<![\w.])(?P<number>(?:{_GROUPED})(?:\.\d+)?) ?(?P<unit>{_alternatives(_UNITS)})(?![A-Za-z])"),
        _unit,
    ),
    (
        re.compile(r"(?:\+\d{1,3}[ .-]?)?\(?\b\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b|\+\d{7,15}\b|\b\d{3}-\d{4}\b"),
        lambda found: digits(found[0]),
    ),
    (re.compile(rf"\b(?:{_alternatives(_FRACTIONS)})\b(?!/)"), lambda found: _FRACTIONS[found[0]]),
    (re.compile(r"\b(\d+)(?:st|nd|rd|th)\b"), lambda found: ordinal(int(found[1]))),
    (re.compile(r"\b(\d{2})(\d0)s\b"), lambda found: f"{year(int(found[1] + found[2]))}s".replace("ys", "ies")),
    (re.compile(r"(?<=\d) ?[-–] ?(?=\d)"), " to "),
    (re.compile(rf"({_GROUPED})\.(\d+)"), lambda found: f" {_amount(found[1])} point {digits(found[2])} "),
    (re.compile(_GROUPED), lambda found: f" {_whole(found[0])} "),
    (re.compile(r"\b(?=[B-DF-HJ-NP-TV-Z]{2,5}\b)[A-Z]+\b"), lambda found: " ".join(found[0])),
)
