"""The text of a filter as a tree.

::

filter  =  all { "or" all }
all     =  one { "and" one }
one     =  "not" one  |  "(" filter ")"  |  test
test    =  field  |  field operator value  |  field [ "not" ] "in" ( value | "(" value { "," value } ")" )
"""

from __future__ import annotations

from qmpconf.text import expression
from qmpconf.trace.filter import advice
from qmpconf.trace.filter.fields import FIELDS, OPERATORS, Field
from qmpconf.trace.filter.literals import UNITS, LiteralError, Range, Scalar, item, scalar
from qmpconf.trace.filter.syntax import (
    Compare,
    Filter,
    Has,
    In,
    Place,
    Step,
    Wildcard,
    both,
    either,
    opposite,
)
from qmpconf.trace.filter.words import FilterError, Piece, pieces, steps

#: Filters in filters, and characters.
_DEEPEST, _LONGEST = 100, 100_000
_WORDS = frozenset({"and", "or", "not", "in", "matches"})


def parse(text: str) -> Filter:
    """The filter that a text says.  Raises `FilterError`, which points at what is wrong.

    >>> parse("took>50 ms and not error")
    And(parts=(Compare(place=Place(name='took', path=()), operator='>', value=0.05), \
Not(inner=Has(place=Place(name='error', path=())))))
    """
    if len(text) > _LONGEST:
        raise FilterError(f"it has more than {_LONGEST:,} characters", text, _LONGEST, _LONGEST + 1)
    return _Parser(text).all()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._pieces = pieces(text)
        self._at = 0
        self._depth = 0
        self._latest = ""  # the field of the test before

    def all(self) -> Filter:
        if self._next().kind == "end":
            raise self._wrong(f"nothing is asked: write a field, {_FOR_EXAMPLE}")
        found = self._or()
        if self._next().kind != "end":
            raise self._unexpected(found)
        return found

    # --- pieces ----------------------------------------------------------------------------------

    def _next(self) -> Piece:
        return self._pieces[self._at]

    def _take(self) -> Piece:
        self._at += 1
        return self._pieces[self._at - 1]

    def _is_word(self, *words: str) -> bool:
        return self._next().kind == "word" and self._next().said in words

    def _wrong(self, reason: str, piece: Piece | None = None) -> FilterError:
        piece = piece or self._next()
        return FilterError(reason, self._text, piece.start, piece.end)

    def _unexpected(self, before: Filter) -> FilterError:
        piece = self._next()
        if piece.kind == ")":
            return self._wrong("there is no ( that this ) ends")
        if piece.said in ("AND", "OR", "NOT", "IN"):
            return self._wrong(f"write {piece.said.lower()}, in small letters")
        if piece.kind == ",":
            name = self._latest or "line"
            return self._wrong(f"a comma stands in a list: {name} in (..., ...)")
        last = self._pieces[self._at - 1]
        if isinstance(before, Has) and last.kind == "word":
            operators = ", ".join(OPERATORS[before.place.field.type]) or "none"
            return self._wrong(f"an operator ({operators}), and, or, or the end is wanted here")
        wanted = "and, or, or the end is wanted here"
        if last.kind in ("word", "text") and piece.kind in ("word", "text"):
            wanted += "; a value with spaces stands in quotes"
        return self._wrong(wanted)

    # --- filters -----------------------------------------------------------------------------------

    def _or(self) -> Filter:
        parts = [self._and()]
        while self._is_word("or"):
            self._take()
            parts.append(self._and())
        return either(*parts)

    def _and(self) -> Filter:
        parts = [self._one()]
        while self._is_word("and"):
            self._take()
            parts.append(self._one())
        return both(*parts)

    def _one(self) -> Filter:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong(f"there are more than {_DEEPEST} filters within each other")
        try:
            if self._is_word("not"):
                self._take()
                return opposite(self._one())
            if self._next().kind == "(":
                return self._group()
            return self._test()
        finally:
            self._depth -= 1

    def _group(self) -> Filter:
        begin = self._take()
        found = self._or()
        if self._next().kind == "end":
            raise self._wrong("this ( has no )", begin)
        if self._next().kind != ")":
            raise self._unexpected(found)
        self._take()
        return found

    def _test(self) -> Filter:
        piece = self._take()
        place = self._place(piece)
        field = place.field
        self._latest = field.name
        operator = self._next()
        if operator.kind == "word" and operator.said in advice.OTHER_OPERATORS:
            meant = advice.OTHER_OPERATORS[operator.said]
            raise self._wrong(f"there is no operator {operator.said}; {meant}")
        if self._is_word("not") and self._pieces[self._at + 1].said == "in":
            self._take()
            return opposite(self._in(place, self._take()))
        if self._is_word("in"):
            return self._in(place, self._take())
        if operator.kind == "operator" or self._is_word("matches"):
            self._take()
            said = "~~" if operator.said == "matches" else operator.said
            self._allowed(field, said, operator)
            return Compare(place, said, self._compared(field, said))
        if not field.alone:
            raise self._wrong(
                f"every message has a {field.name}: compare it ({', '.join(OPERATORS[field.type])})",
                piece,
            )
        return Has(place)

    def _in(self, place: Place, operator: Piece) -> Filter:
        field = place.field
        self._allowed(field, "in", operator)
        if self._next().kind != "(":
            return In(place, (self._item(field),))
        begin = self._take()
        items = [self._item(field)]
        while self._next().kind == ",":
            self._take()
            items.append(self._item(field))
        if self._next().kind != ")":
            wrong = self._wrong("a comma or ) is wanted here")
            raise self._wrong("this ( has no )", begin) if self._next().kind == "end" else wrong
        self._take()
        return In(place, tuple(items))

    def _allowed(self, field: Field, said: str, operator: Piece) -> None:
        allowed = OPERATORS[field.type]
        if said not in allowed:
            having = f"it has {', '.join(allowed)}" if allowed else "it stands alone, or behind not"
            raise self._wrong(f"{field.name} has no {said}: {having}", operator)

    # --- fields and values ---------------------------------------------------------------------------

    def _place(self, piece: Piece) -> Place:
        if piece.kind != "word" or piece.said in _WORDS:
            again = self._latest and (piece.kind == "operator" or piece.said == "in")
            example = f"as in {self._latest} {piece.said} ..." if again else _FOR_EXAMPLE
            raise self._wrong(f"a field is wanted here, {example}", piece)
        name, *path = steps(piece.said)
        field = FIELDS.get(name[0])
        if field is None:
            raise self._wrong(f"{name[0]!r} is not a field; {advice.field(name[0])}", piece)
        if field.type == "json" and not path:
            raise self._wrong(
                f"{field.name} needs the path of a value: {field.name}/device, or {field.name}/** "
                "for any",
                piece,
            )
        if field.type != "json" and path:
            raise self._wrong(f"{field.name} has no path", piece)
        if any(not one and not is_quoted for one, is_quoted in path):
            raise self._wrong("a step of this path is empty", piece)
        return Place(field.name, tuple(_step(*one) for one in path))

    def _compared(self, field: Field, operator: str) -> Scalar:
        piece = self._value(field)
        if piece.kind == "word" and (reason := advice.against(field, operator, piece.said)):
            raise self._wrong(reason, piece)
        if "~" not in operator:
            return self._scalar(field, piece)
        if operator == "~~":
            try:
                expression(piece.said)
            except ValueError as error:
                raise self._wrong(f"it {error}", piece) from None
        return piece.said

    def _scalar(self, field: Field, piece: Piece) -> Scalar:
        try:
            found = scalar(piece.said, field.type, is_quoted=piece.kind == "text")
        except LiteralError as error:
            raise self._wrong(str(error), piece) from None
        self._known(field, found, piece)
        return found

    def _item(self, field: Field) -> Scalar | Range:
        piece = self._value(field)
        if piece.kind == "word" and piece.said.startswith("["):
            raise self._wrong("a list stands in parentheses: (..., ...)", piece)
        try:
            found = item(piece.said, field.type, is_quoted=piece.kind == "text")
        except LiteralError as error:
            raise self._wrong(str(error), piece) from None
        self._known(field, found, piece)
        return found

    def _value(self, field: Field) -> Piece:
        piece = self._take() if self._next().kind in ("word", "text") else None
        if piece is None:
            raise self._wrong("a value is wanted here; quote one that holds other characters")
        following = self._next()
        if field.type not in UNITS or piece.kind == "text" or following.kind != "word":
            return piece
        is_number = piece.said.replace(".", "", 1).isdecimal()
        is_wrong = field.type in ("duration", "size") and following.said.isalpha()
        is_unit = is_wrong or following.said in UNITS[field.type]
        if is_number and is_unit and following.said not in _WORDS:
            self._take()  # 50 ms
            return Piece("word", piece.said + following.said, piece.start, following.end)
        return piece

    def _known(self, field: Field, value: Scalar | Range, piece: Piece) -> None:
        if field.words and value not in field.words:
            hint = advice.value(field, str(value))
            raise self._wrong(f"{piece.said!r} is not a {field.name}; {hint}", piece)


_FOR_EXAMPLE = "for example command = query-block"


def _step(text: str, is_quoted: bool) -> Step:
    if text in ("*", "**") and not is_quoted:
        return Wildcard(deep=text == "**")
    return text
