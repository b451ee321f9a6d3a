"""The `Model` protocol; a model over a dialect and a transport; the scripted one."""

from .model import Emit, Model
from .scripted import FakeLLM, ScriptedModel
from .wired import WiredModel

__all__ = ["Emit", "FakeLLM", "Model", "ScriptedModel", "WiredModel"]
