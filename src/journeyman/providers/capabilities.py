"""What a model can do, as far as the framework has to know."""

from __future__ import annotations

import msgspec


class Capabilities(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`json_schema` is a native mode in which the answer must fit a schema; `vision` takes images.

    `states_cost` says that each answer tells what was charged for it, so that no price list is needed.
    """

    tools: bool = True
    json_schema: bool = True
    vision: bool = True
    streaming: bool = True
    states_cost: bool = False
