"""Programs in a model's words: found between prose and fences, and mended where chat windows have spoilt them.

The way of a text: `scanning` (fences, thoughts, prose) → `choosing` (which blocks are the program; `bare` where none is fenced) →
`repairing` (quotes, blanks and brackets that no keyboard makes).
"""

from .choosing import Spoken, SpokenLanguage, programs_in

__all__ = ["Spoken", "SpokenLanguage", "programs_in"]
