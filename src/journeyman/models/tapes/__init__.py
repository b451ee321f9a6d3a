"""Tapes: what came to runs from outside, on record, so that they can be run again without any of it."""

from .answering import Answers, TapeModel, mismatch, nearest_difference, tape_model, told_again
from .cuts import cuts_of, merged
from .entries import VERSION, Called, Drawn, Entry, Exchange, Moment, Raised, Started, decode_entry, encode_entry
from .failing import error_of, raised_of
from .question import Question, hash_of, question_of, read_form
from .reading import Tape
from .scrubbing import Scrubber
from .writing import TapeWriter

__all__ = [
    "VERSION",
    "Answers",
    "Called",
    "Drawn",
    "Entry",
    "Exchange",
    "Moment",
    "Question",
    "Raised",
    "Scrubber",
    "Started",
    "Tape",
    "TapeModel",
    "TapeWriter",
    "cuts_of",
    "decode_entry",
    "encode_entry",
    "error_of",
    "hash_of",
    "merged",
    "mismatch",
    "nearest_difference",
    "question_of",
    "raised_of",
    "read_form",
    "tape_model",
    "told_again",
]
