"""The demonstration: a generated table of orders, tools that read it, a scripted model and an independent count."""

from .count import QUESTION, Count, count
from .orders import ORDERS, order_tools
from .script import INSTRUCTIONS, script

__all__ = ["INSTRUCTIONS", "ORDERS", "QUESTION", "Count", "count", "order_tools", "script"]
