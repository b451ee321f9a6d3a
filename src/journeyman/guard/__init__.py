"""Budgets: one ledger for a run and everything below it."""

from .ledger import Ledger

__all__ = ["Ledger"]
