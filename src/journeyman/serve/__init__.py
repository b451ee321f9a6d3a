"""HTTP: any model on every wire, as ASGI apps that mount anywhere."""

from .access import check_binding
from .asgi import App
from .gateway import Gateway, Models
from .run import serving

__all__ = ["App", "Gateway", "Models", "check_binding", "serving"]
