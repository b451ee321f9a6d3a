"""How return values are shown to a model."""

import dataclasses
import datetime as dt
import enum
import uuid

import msgspec
import pytest
from pydantic import BaseModel

from journeyman.data import CallerError
from journeyman.schema import result_text


class City(BaseModel):
    name: str
    size: int | None = None


@dataclasses.dataclass
class Point:
    x: int
    y: float


class Pair(msgspec.Struct):
    left: int
    right: list[Point]


class Colour(str, enum.Enum):  # noqa: UP042  (the mixin, whose str() is not its value, is the case)
    RED = "red"


class Odd:
    pass


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('as it is, "quotes" and all\n', 'as it is, "quotes" and all\n'),
        ("", ""),
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (Colour.RED, "red"),
        ([1, "a", None], '[1,"a",null]'),
        ({"a": {"b": (1, 2)}}, '{"a":{"b":[1,2]}}'),
        (City(name="Rome"), '{"name":"Rome","size":null}'),
        ([Point(1, 2.5)], '[{"x":1,"y":2.5}]'),
        (Pair(1, [Point(1, 2)]), '{"left":1,"right":[{"x":1,"y":2}]}'),
        (dt.date(2026, 1, 31), '"2026-01-31"'),
        ({"id": uuid.UUID(int=1)}, '{"id":"00000000-0000-0000-0000-000000000001"}'),
        ("é", "é"),
        ("café\udcff", "café\\udcff"),
    ],
)
def test_shown(value, text):
    """A string is shown as it is, None as null, anything else as compact JSON."""
    assert result_text(value) == text


def test_unknown_objects_show_their_type_only():
    """What JSON has no form for appears as its type: no address, so the same run shows the same words."""
    assert result_text({"thing": Odd()}) == f'{{"thing":"<{__name__}.Odd>"}}'
    assert result_text(object()) == '"<object>"'


@pytest.mark.parametrize("value", [b"\x89PNG", bytearray(b"x"), memoryview(b"x")])
def test_bytes_are_refused(value):
    """Bytes are no text; the error says what to return instead."""
    with pytest.raises(CallerError, match=f"returned {type(value).__name__}.*Image"):
        result_text(value)


def test_what_cannot_be_written():
    """A structure that contains itself, and bytes inside that are no text, are the caller's to mend."""
    loop = []
    loop.append(loop)
    with pytest.raises(CallerError, match=r"returned a list that cannot be written as JSON: .*Circular"):
        result_text(loop)
    with pytest.raises(CallerError, match="returned a dict"):
        result_text({"data": b"\xff"})
