"""PTC-Lisp: a bounded, Clojure-like language for data, compiled to the sandbox's subset of Python.

The way of a program: text → `reader` → forms → `expanding` (sugar) and `compiling` (special forms, calls) → lines of Python
with the place of each in the source → the sandbox, together with the part of the library (`prelude/`, written in the subset)
that the program uses. `values` says how Lisp's values look on both sides.
"""

from .language import Lisp

__all__ = ["Lisp"]
