"""Agents that keep a journal."""
