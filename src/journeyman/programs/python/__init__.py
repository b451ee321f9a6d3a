"""The subset of Python that the sandbox interprets, as a language for models."""

from .language import Python

__all__ = ["Python"]
