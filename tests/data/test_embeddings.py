"""Vectors, packed."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError, EmbeddingRequest, Vectors

ROWS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(FLOATS, min_size=width, max_size=width), min_size=1)))
def test_numbers_of_32_bits_come_back(rows):
    """What went in as 32-bit numbers comes out the same, row by row and all together."""
    vectors = Vectors.of(rows)
    assert (len(vectors), vectors.width, vectors.tolist()) == (len(rows), len(rows[0]), rows)
    assert [list(row) for row in vectors] == rows
    assert len(vectors.data) == 4 * len(rows) * len(rows[0])


@given(st.slices(3), st.integers(-5, 5))
def test_rows_are_found_as_in_a_list(chosen, index):
    """An index and a slice choose what they choose of a list of the rows; one beyond them is an IndexError."""
    vectors = Vectors.of(ROWS)
    assert vectors[chosen].tolist() == ROWS[chosen]
    try:
        expected = ROWS[index]
    except IndexError:
        with pytest.raises(IndexError):
            vectors[index]
    else:
        assert list(vectors[index]) == expected


def test_rows_cannot_be_changed():
    """A row is a view that is only read, so that vectors may be shared."""
    row = Vectors.of(ROWS)[0]
    assert row.readonly
    with pytest.raises(TypeError):
        row[0] = 9.0


def test_matrix_shares_the_bytes():
    """The matrix has rows and columns over the same memory, as numpy takes it."""
    vectors = Vectors.of(ROWS)
    assert vectors.matrix.shape == (3, 2)
    assert vectors.matrix.tolist() == ROWS
    assert vectors.matrix.obj is vectors.data
    assert len(Vectors().matrix) == 0


def test_equal_by_value():
    """Vectors of the same numbers are equal and have one hash; a look at them does not print all their numbers."""
    assert Vectors.of(ROWS) == Vectors.joined([Vectors.of(ROWS[:1]), Vectors(), Vectors.of(ROWS[1:])])
    assert hash(Vectors.of(ROWS)) == hash(Vectors.of(ROWS))
    assert Vectors.of(ROWS) != Vectors.of([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert repr(Vectors.of(ROWS)) == "<3 vectors of 2 numbers>"


@pytest.mark.parametrize(("data", "width"), [(b"123", 1), (b"12345678", 3), (b"1234", 0), (b"", -1), (b"1234", -1)])
def test_what_is_no_vectors_is_refused(data, width):
    """Bytes that are not so many numbers make no vectors."""
    with pytest.raises(CallerError, match="are no vectors"):
        Vectors(data, width)


@pytest.mark.parametrize("rows", [[[1.0], [1.0, 2.0]], [[1.0], []]])
def test_rows_of_different_lengths_are_refused(rows):
    """Rows have one length, and are not empty."""
    with pytest.raises(CallerError):
        Vectors.of(rows)


def test_numbers_that_do_not_fit_are_infinite():
    """A number too large for 32 bits does not pass for another one."""
    assert math.isinf(Vectors.of([[1e300]])[0][0])


def test_requests_are_values():
    """A request survives its encoding, and leaves out what it does not say."""
    request = EmbeddingRequest("m", ("a", "b"), purpose="query")
    encoded = msgspec.json.encode(request)
    assert encoded == b'{"model":"m","inputs":["a","b"],"purpose":"query"}'
    assert msgspec.json.decode(encoded, type=EmbeddingRequest) == request
