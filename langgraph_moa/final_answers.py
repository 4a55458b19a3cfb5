r"""The final answer of a worked solution, and when two such answers are the same.

Solutions end in many ways: `#### 42` (GSM8K), `\boxed{42}` (MATH), a JSON object with an `answer`, "the answer is
42", a choice such as (B), or simply a last number. Values are compared by what they are, not by how they are written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fractions import Fraction

_LONGEST = 500
"""Characters of an answer that are read as a value; a longer one is compared letter by letter."""
_MOST_DIGITS = 300
_MOST_DECIMALS = 30
"""Decimal places in which a value is written; one that needs more is written as a fraction."""
_MOST_ROUNDS = 12

_DIGITS = r"(?:\d{1,3}+(?:,\d{3})++(?!\d)|\d++)(?:\.\d++)?+|\.\d++"
_NUMBER = rf"(?:{_DIGITS})(?:[eE][+-]?\d{{1,4}}(?!\d))?+"
_FRACTION = r"\\[dtc]?frac\{-?\d++\}\{-?\d++\}"
_FOUND = re.compile(rf"(?<![\w.,^}}])-?\s?(?:\\?[$€£¥]\s?)?(?:{_FRACTION}|{_NUMBER}(?:\s?/\s?\d++)?+)(?:\s?\\?%)?")
"""A number within prose; a minus sign behind a word or another number is none of it."""
_HASHES = re.compile(r"^[ \t>*]*+####[ \t]*+([^\n]{1,500}+)", re.MULTILINE)
_KEY = re.compile(
    r"""["'](?:final[ _]?)?answer["']\s*+:\s*+"""
    r"""(?:"((?:[^"\\]|\\.){0,2000}+)"|'((?:[^'\\]|\\.){0,2000}+)'|([^\n}\]]{1,500}+))""",
    re.IGNORECASE | re.DOTALL,
)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*+(\{|\d++|[A-Za-z]\b)")
_PHRASE = re.compile(
    r"\b(?:answer\s*+(?:is|are|was|equals|=|(?:\*\*|__|\s)*+:)|ans\s*+[:=])(?:[\s*_:]*+)([^\n]{1,500}+)", re.IGNORECASE
)
_CHOICE = re.compile(r"(?:\(|\\text\{\(|\b(?:option|choice)\s++\(?)([A-J])\b\)?")
_CHOICE_FIRST = re.compile(r"(?:[Oo]ption |[Cc]hoice )?\(?([A-J])(?:\)|[.:](?=\s|$)|$|(?=\s*[,;]))")
_CHOICE_LAST = re.compile(r"\(([A-J])\)[\s.*_!}$]*+\Z")
_DECLINED = re.compile(
    r"(?:null|none|n/?a|unknown|\?+|\.*+|\{.*+)\Z"
    r"|(?:i )?(?:can ?not|can't|could not|unable|not enough|insufficient|error)\b",
    re.IGNORECASE,
)
_SUM = re.compile(r"[-\d\s+*/x().,$]*+=\s*+(?=[-$]*+[\d.])")
_WRAPPERS = ("**", "__", "`", '"', "'", "$$", "$", "*")
_SIGNS = str.maketrans(dict.fromkeys("\u2212\u2012\u2013\ufe63\uff0d", "-") | {"\u2044": "/", "\u00d7": "*"})
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2009\u202f\u2007", " "))


def extract_answer(text: str) -> str | None:
    r"""Return the final answer of a worked solution.

    What says most plainly that it is the answer wins, and of the same kind the last: `####`, an `answer` of a JSON
    object (a broken one too), `\boxed{}`, "the answer is" or "Answer:", a choice at the very end, the last number.

    Returns:
        A number without currency, unit, percent sign and thousands separators; anything else as it is written. `None`
        where there is neither such a mark nor a number, and where the answer is that there is none.
    """
    said = text.translate(_SIGNS).translate(_SPACES)
    for read in (_behind_hashes, _of_key, _in_box, _in_phrase):
        found = read(said)
        if found is not None:
            return found or None
    choice = _CHOICE_LAST.search(said) or _CHOICE_FIRST.fullmatch(said.strip().rstrip("."))
    if choice is not None:
        return choice[1]
    last = _last_number(said)
    if last is not None:
        return last
    choices = _CHOICE.findall(said)
    return choices[-1] if choices else None


def canonical(answer: str) -> str:
    r"""Write an answer so that equal values give equal text.

    `42`, `42.0`, `$42`, `42 apples` and `42\%` are one value, as are `1/2`, `\frac{1}{2}` and `0.5`; LaTeX that only
    changes how a formula looks is dropped, `x = 5` is `5`, and the order within a tuple, interval or set is kept.
    """
    written = answer.translate(_SIGNS).translate(_SPACES).strip()
    if len(written) > _LONGEST:
        return " ".join(written.split())
    for _ in range(_MOST_ROUNDS):
        simpler = _simpler(written)
        if simpler == written or len(simpler) > _LONGEST:
            break
        written = simpler
    return written


def same_answer(first: str | None, second: str | None) -> bool:
    """Say whether two answers have the same value; `None`, no answer, is the same as nothing."""
    return first is not None and second is not None and canonical(first) == canonical(second)


def number_in(answer: str) -> Fraction | None:
    """Return the number that an answer is, exactly; `None` where it is something else."""
    return _value(canonical(answer))


def _behind_hashes(text: str) -> str | None:
    """Return what follows the last `####` that is no heading.

    As the other readers it returns `None` where its mark is not there, and `""` where nothing is behind it.
    """
    for said in reversed(_HASHES.findall(text)):
        payload = _bare(said)
        if payload and (_value(_without_unit(payload)) is not None or " " not in payload):
            return _plain(payload)
    return None


def _of_key(text: str) -> str | None:
    found = _KEY.findall(text)
    if not found:
        return None
    quoted, single, bare = found[-1]
    return _reduced(_unescaped(quoted) or single or bare)


def _unescaped(quoted: str) -> str:
    try:
        return str(json.loads(f'"{quoted}"', strict=False))
    except ValueError:  # LaTeX whose backslashes are not doubled
        return quoted


def _in_box(text: str) -> str | None:
    boxes = list(_BOX.finditer(text))
    if not boxes:
        return None
    last = boxes[-1]
    inner = last[1] if last[1] != "{" else _braced(text, last.end() - 1)
    return _plain(_bare(inner)) if inner is not None and _bare(inner) else None


def _braced(text: str, start: int) -> str | None:
    """Return what stands between the brace at `start` and its partner; `None` where there is none."""
    depth = 0
    for brace in re.finditer(r"(?<!\\)[{}]", text[start:]):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return text[start + 1 : start + brace.start()]
    return None


def _in_phrase(text: str) -> str | None:
    found = _PHRASE.findall(text)
    return _reduced(re.split(r"[.!?](?=\s|$)|(?<=\d)\.(?=[*$\s]|$)", found[-1], maxsplit=1)[0]) if found else None


def _reduced(payload: str) -> str:
    """Return the answer that a few words hold: a choice, a value, the first number of a sentence, or the words."""
    boxed = _in_box(payload)
    if boxed is not None:
        return boxed
    said = _bare(payload)
    if not said or _DECLINED.match(said):
        return ""
    said = _SUM.sub("", said, count=1)
    choice = _CHOICE_FIRST.match(said)
    if choice is not None:
        return choice[1]
    plain = _plain(said)
    if plain != said or " " not in said or "\\" in said or said[0] in "([{":
        return plain
    first = _FOUND.search(said)
    return said if first is None else _plain(_bare(first[0]))


def _last_number(text: str) -> str | None:
    found = _FOUND.findall(text)
    return _plain(_bare(found[-1])) if found else None


def _bare(said: str) -> str:
    """Return a text without the marks around it: emphasis, quotes, dollar signs and a full stop at its end."""
    before = None
    while said != before:
        before = said
        said = said.strip().rstrip(".,;:! ")
        if len(said) > 3 and said[:2] + said[-2:] in (r"\(\)", r"\[\]"):  # noqa: PLR2004 - two signs on either side
            said = said[2:-2]
        for wrapper in _WRAPPERS:
            if said.endswith(wrapper) and said.count(wrapper) % 2 and not said.endswith(f"\\{wrapper}"):
                said = said.removesuffix(wrapper)
            elif len(said) > len(wrapper) and said.startswith(wrapper) and said.endswith(wrapper):
                said = said.removeprefix(wrapper).removesuffix(wrapper)
    return said


def _plain(said: str) -> str:
    """Return a number as a program writes it, with its fraction bar and exponent; anything else as it is."""
    right = re.sub(r"^[A-Za-z]\s?=\s?(?=\S)", "", said)
    digits = re.sub(r"\\?[$€£¥]|\\?%|\\[!,]|(?<=\d),(?=\d{3}(?!\d))", "", _without_unit(right))
    digits = re.sub(r"\s+", "", digits)
    return digits if re.fullmatch(rf"[+-]?{_NUMBER}(?:/\d+)?", digits) else right


_SCALES = {"dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_JOINS = r"(?:and|or|to|by|plus|minus|times|over|mod)\b"
_WORDS = (
    rf"\s+(?!(?:{'|'.join(_SCALES)})\b)(?!{_JOINS})[A-Za-zµ]{{2,}}[²³]?"
    rf"(?:[ -](?!{_JOINS})[A-Za-z]{{2,}}[²³]?|/[A-Za-z]+)*"
)
_SHORT = r"\s*(?:kg|km|cm|mm|mph|ml|lbs?|oz|ft|hrs?|mins?|secs?|°[CF]?)"
_SET_UPRIGHT = r"\s*(?:\\ |~)*\\(?:text|mbox|textrm|mathrm)\{[^{}]*\}(?:\^\{?[23]\}?)?"
_UNIT = re.compile(rf"(?<=[\d}}%])(?:{_WORDS}|{_SHORT}|{_SET_UPRIGHT})\.?$")
_SCALED = re.compile(rf"(.*\d)\s+({'|'.join(_SCALES)})s?(?:\s+[a-z ]+)?", re.IGNORECASE)


def _without_unit(said: str) -> str:
    """Return a number without what it counts; `said` as it is where what stands before the unit is no number."""
    found = _UNIT.search(said)
    rest = said[: found.start()] if found is not None else said
    return rest if found is not None and _value(_unadorned(rest)) is not None else said


_DROPPED = re.compile(
    r"\\left(?![a-z])\.?|\\right(?![a-z])\.?|\\(?:displaystyle|limits)\b|\\[!,;: ]|\\?%|\^\{?\\circ\}?|\\degree\b|°"
    r"|\\?[$€£¥]|\\[bB]ig[gl]?[lr]?(?![a-z])"
)
_SWAPPED = (
    (re.compile(r"\\[dtc]frac"), r"\\frac"),
    (re.compile(r"\\(?:text|mbox|textrm|textbf|mathrm|mathbf|operatorname)\s*\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"\\frac\s*([0-9a-zA-Z])\s*([0-9a-zA-Z])"), r"\\frac{\1}{\2}"),
    (re.compile(r"\\frac\s*([0-9a-zA-Z])\s*\{"), r"\\frac{\1}{"),
    (re.compile(r"\\sqrt\s*([0-9a-zA-Z])"), r"\\sqrt{\1}"),
    (re.compile(r"\\(?:cdot|times)(?![a-z])"), "*"),
    (re.compile(r"\\leq(?![a-z])|≤"), r"\\le"),
    (re.compile(r"\\geq(?![a-z])|≥"), r"\\ge"),
    (re.compile(r"∞|\binfinity\b"), r"\\infty"),
    (re.compile("π"), r"\\pi"),
    (re.compile(r"√(\d+)"), r"\\sqrt{\1}"),
    (re.compile(r"\^\{(\w)\}"), r"^\1"),
    (re.compile(r"\\(?=[{}])"), ""),
)
_LEFT_SIDE = re.compile(r"^\(?[A-Za-z](?:_\{?\w\}?)?(?:\([a-z]\))?\)?\s*(?:=|\\in\b|∈)\s*(?=[^=\s])")


def _simpler(written: str) -> str:
    """Write an answer one step closer to its canonical form."""
    said = _bare(written)
    boxed = re.fullmatch(r"\\(?:boxed|fbox)\s*\{(.*)\}", said, re.DOTALL)
    if boxed is not None:
        return boxed[1]
    said = _LEFT_SIDE.sub("", _without_unit(said))
    scaled = _SCALED.fullmatch(said)
    number = None if scaled is None else _value(_unadorned(scaled[1]))
    if scaled is not None and number is not None:
        return _written(number * _SCALES[scaled[2].lower()])
    said = _unadorned(said)
    value = _value(said)
    return _written(value) if value is not None else _formula(said)


def _unadorned(said: str) -> str:
    said = _DROPPED.sub("", said)
    for pattern, replacement in _SWAPPED:
        said = pattern.sub(replacement, said)
    return _bare(said)


def _formula(said: str) -> str:
    """Return a list part by part, words in lower case, and a formula without spaces."""
    parts = _parts(said)
    if len(parts) > 1:
        opening, closing = (said[0], said[-1]) if _is_enclosed(said) else ("", "")
        return f"{opening}{','.join(canonical(part) for part in parts)}{closing}"
    if _is_enclosed(said) and said[0] == "(" and said[-1] == ")":
        return said[1:-1].strip()
    if re.fullmatch(r"[A-Za-z]", said):
        return said.upper()
    if re.fullmatch(r"[^\W\d_]{2,}(?:[ '-]+[^\W\d_]+)*", said):
        return " ".join(said.casefold().split())
    return _without_fractions(re.sub(r"\s+", "", said))


def _parts(said: str) -> list[str]:
    """Split a tuple, interval, set or bare list at its own commas."""
    inner = said[1:-1] if _is_enclosed(said) else said
    parts, depth, start = [], 0, 0
    for position, sign in enumerate(inner):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            parts.append(inner[start:position])
            start = position + 1
    return [*parts, inner[start:]]


def _is_enclosed(said: str) -> bool:
    """Say whether the first sign is a bracket that closes with the last; intervals may close with another kind."""
    if len(said) < 2 or said[0] not in "([{" or said[-1] not in ")]}":  # noqa: PLR2004 - a pair
        return False
    return all(depth > 0 for depth in _depths(said[:-1])) and list(_depths(said))[-1] == 0


def _depths(said: str) -> Iterator[int]:
    depth = 0
    for sign in said:
        depth += (sign in "([{") - (sign in ")]}")
        yield depth


def _without_fractions(said: str) -> str:
    r"""Write `\frac{a}{b}` as `a/b`, with brackets where a part is more than one sign or function."""
    found = said.rfind(r"\frac{")
    above = None if found < 0 else _braced(said, found + 5)
    if above is None:
        return said
    behind = found + 5 + len(above) + 2
    below = _braced(said, behind) if said[behind : behind + 1] == "{" else None
    if below is None:
        return said
    return f"{said[:found]}{_atom(above)}/{_atom(below)}{said[behind + len(below) + 2 :]}"


def _atom(part: str) -> str:
    return part if re.fullmatch(r"\w+|-\d+|\d*\\[a-z]+(?:\{\w+\})?", part) else f"({part})"


_WHOLE_AND_FRACTION = re.compile(r"(-?)(\d+)\s*(?:\\frac\{(\d+)\}\{(\d+)\}|\s(\d+)/(\d+))")
_RATIO = re.compile(r"(-?)(?:\\frac\{(-?\d+)\}\{(-?\d+)\}|(-?[\d.,]+)\s*/\s*(-?[\d.,]+))")
_POWER_OF_TEN = re.compile(rf"([+-]?{_NUMBER})\s*[*x]\s*10\^\{{?(-?\d{{1,3}})\}}?")


def _value(said: str) -> Fraction | None:
    """Return the number that is written; `None` where it is none."""
    said = said.strip()
    if len(said) > _MOST_DIGITS:
        return None
    ratio = _RATIO.fullmatch(said)
    if ratio is not None:
        above, below = _decimal(ratio[2] or ratio[4]), _decimal(ratio[3] or ratio[5])
        return None if above is None or not below else (-1 if ratio[1] else 1) * above / below
    mixed = _WHOLE_AND_FRACTION.fullmatch(said)
    if mixed is not None:
        above, below = _decimal(mixed[3] or mixed[5]), _decimal(mixed[4] or mixed[6])
        whole = _decimal(mixed[2])
        if above is None or not below or whole is None:
            return None
        return (-1 if mixed[1] else 1) * (whole + above / below)
    power = _POWER_OF_TEN.fullmatch(said)
    if power is not None:
        base, exponent = _decimal(power[1]), int(power[2])
        return None if base is None or abs(exponent) > _MOST_DIGITS else base * Fraction(10) ** exponent
    return _decimal(said)


def _decimal(said: str) -> Fraction | None:
    compact = re.sub(r"^([+-])\s+", r"\1", said)
    if not re.fullmatch(rf"[+-]?(?:{_NUMBER}|\d+\.)", compact) or not compact.isascii():
        return None
    exponent = re.search(r"[eE]([+-]?\d+)$", compact)
    if exponent is not None and abs(int(exponent[1])) > _MOST_DIGITS:
        return None
    return Fraction(compact.replace(",", ""))


def _written(value: Fraction) -> str:
    """Write a number in full, as a decimal where it ends soon enough, else as a fraction."""
    if value.denominator == 1:
        return str(value.numerator)
    below, places = value.denominator, 0
    for prime in (2, 5):
        power = 0
        while below % prime == 0:
            below, power = below // prime, power + 1
        places = max(places, power)
    if below > 1 or places > _MOST_DECIMALS:
        return f"{value.numerator}/{value.denominator}"
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
