"""Reading parameter descriptions out of docstrings."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.schema import parameter_descriptions

GOOGLE = """Look up the weather.

    Longer words, with a colon: here.

    Args:
        city (str): The city
            to look at: any.

            A second paragraph.
        days (Callable[[int], str], optional): How many.
        *rest: More.
        note that this line is about no parameter: really
            and neither is this one.
        lat, lon: Where.

    Returns:
        city: not a description of the parameter.
    """

NUMPY = """Look up the weather.

    Parameters
    ----------
    city : str
        The city
        to look at.
    days : int, optional
        How many.
    lat, lon : float
        Where.

    Returns
    -------
    city : str
        Not a description of the parameter.
    """

SPHINX = """Look up the weather.

    :param city: The city
        to look at.
    :type city: str
    :param int days: How many.
    :keyword lat: Where.
    @param lon: Where, too.
    :returns: city: not a description of the parameter.
    """


def test_google_style():
    """Google sections give each parameter its words, through continuation lines, types in brackets and blank lines."""
    assert parameter_descriptions(GOOGLE, ["city", "days", "rest", "lat", "lon"]) == {
        "city": "The city to look at: any.\nA second paragraph.",
        "days": "How many.",
        "rest": "More.",
        "lat": "Where.",
        "lon": "Where.",
    }


def test_numpy_style():
    """NumPy sections end at the next underlined heading."""
    assert parameter_descriptions(NUMPY, ["city", "days", "lat", "lon"]) == {
        "city": "The city to look at.",
        "days": "How many.",
        "lat": "Where.",
        "lon": "Where.",
    }


def test_sphinx_style():
    """Sphinx fields may carry a type, and end where the next field begins."""
    assert parameter_descriptions(SPHINX, ["city", "days", "lat", "lon"]) == {
        "city": "The city to look at.",
        "days": "How many.",
        "lat": "Where.",
        "lon": "Where, too.",
    }


@pytest.mark.parametrize("docstring", [GOOGLE, NUMPY, SPHINX, "", "Args:", "Parameters\n----------", ":param x:"])
def test_only_the_names_asked_for(docstring):
    """A word with a colon is no parameter unless it is asked for."""
    assert parameter_descriptions(docstring, ["x", "Returns", "words"]) == {}


def test_numpy_section_at_the_end():
    """A NumPy section may be the last thing in a docstring."""
    assert parameter_descriptions("Do.\n\nParameters\n----------\nx\n    The x.", ["x"]) == {"x": "The x."}


def test_sphinx_field_ends_at_a_blank_line():
    """Words after a blank line are not about the parameter before it."""
    assert parameter_descriptions(":param x: The x.\n\nOther words.", ["x"]) == {"x": "The x."}


WORDS = st.from_regex(r"[A-Z][a-z]{1,8}( [a-z]{1,8}){0,6}\.", fullmatch=True)
NAMES = st.lists(st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True), min_size=1, max_size=4, unique=True)


@given(names=NAMES, data=st.data(), style=st.sampled_from(["google", "numpy", "sphinx"]))
def test_what_is_written_is_read(names, data, style):
    """Whatever is written in one of the three styles is read back, for any names and words."""
    said = {name: data.draw(WORDS) for name in names}
    match style:
        case "google":
            lines = ["Args:", *(f"    {name} (int): {text}" for name, text in said.items())]
        case "numpy":
            lines = ["Parameters", "----------", *(f"{name} : int\n    {text}" for name, text in said.items())]
        case _:
            lines = [f":param {name}: {text}" for name, text in said.items()]
    docstring = textwrap.indent("\n".join(["Do it.", "", *lines]), "    ").lstrip()
    assert parameter_descriptions(docstring, names) == said
