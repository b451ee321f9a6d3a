"""HTTP: any model on every wire, as ASGI apps that mount anywhere."""

from .access import check_binding
from .asgi import App
from .gateway import Bounds, Gateway, Models
from .run import serving

__all__ = ["App", "Bounds", "Gateway", "Models", "check_binding", "serving"]
