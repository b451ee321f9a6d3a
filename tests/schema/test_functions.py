"""A function as a model sees it, and the way back to a call."""

import subprocess
import sys
from typing import Any

import pytest

from journeyman.schema import describe_function


class Context:
    pass


async def weather(ctx: Context, city: str, days: int = 3) -> str:
    """Look up the weather.

    More than the first line.

        indented

    Args:
        city: Where.
    """
    return city


def test_description_is_the_whole_docstring():
    """The whole docstring is kept, dedented, never cut to its first line."""
    schema = describe_function(weather, context_type=Context)
    assert schema.description == (
        "Look up the weather.\n\nMore than the first line.\n\n    indented\n\nArgs:\n    city: Where."
    )


def test_parameters():
    """The schema is that of a closed object, with defaults and with descriptions from the docstring."""
    schema = describe_function(weather, context_type=Context)
    assert schema.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where."},
            "days": {"type": "integer", "default": 3},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_given_names():
    """Name and description can be given in the place of the function's own."""
    schema = describe_function(weather, context_type=Context, name="forecast", description="  Words.\n")
    assert (schema.name, schema.description) == ("forecast", "Words.")
    assert describe_function(weather, context_type=Context, description="").description == ""


def positional(ctx: Context, a: int, b: int = 2, c: int = 3, /, d: int = 4, *, e: int = 5): ...
def keyword(*, ctx: Context, a: int): ...
def plain(a: int, **rest: int): ...
def trailing(a: int = 1, b: int = 2, /): ...


@pytest.mark.parametrize(
    ("function", "text", "call"),
    [
        (positional, '{"a": 1}', (("context", 1), {})),
        (positional, '{"a": 1, "d": 9, "e": 8}', (("context", 1), {"d": 9, "e": 8})),
        (positional, '{"a": 1, "c": 7}', (("context", 1, 2, 7), {})),
        (keyword, '{"a": 1}', ((), {"ctx": "context", "a": 1})),
        (plain, '{"a": 1, "b": 2}', ((), {"a": 1, "b": 2})),
        (trailing, "{}", ((), {})),
        (trailing, '{"b": 4}', ((1, 4), {})),
    ],
)
def test_bind(function, text, call):
    """The context and what is positional-only are given by position, defaults before a given one filled in."""
    schema = describe_function(function, context_type=Context)
    checked = schema.check(text)
    before = dict(checked)
    assert schema.bind(checked, "context") == call
    assert checked == before


async def test_bound_call():
    """What is bound can be called."""
    schema = describe_function(weather, context_type=Context)
    args, kwargs = schema.bind(schema.check('{"city": "Rome"}'), Context())
    assert await weather(*args, **kwargs) == "Rome"


def test_declaring_does_not_import_pydantic():
    """A program that only declares tools and outputs does not wait for pydantic."""
    program = (
        "import sys\n"
        "from journeyman.schema import describe_function, output_schema\n"
        "def tool(city: str): ...\n"
        "schema = describe_function(tool)\n"
        "output = output_schema(str)\n"
        "assert output.check('words') == 'words' and output.schema is None\n"
        "assert 'pydantic' not in sys.modules, 'imported too early'\n"
        "assert schema.parameters['required'] == ['city']\n"
        "assert 'pydantic' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603  (our own interpreter)
    assert (done.returncode, done.stderr) == (0, "")


def test_unknown_name_of_the_room():
    """The room says so when it is asked for a name that it does not have."""
    import journeyman.schema as room

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = room.nothing
    everything: list[Any] = [getattr(room, name) for name in room.__all__]
    assert all(everything)
