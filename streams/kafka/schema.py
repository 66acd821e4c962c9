"""The schema of messages that carry slices."""

from __future__ import annotations

from typing import Any

import faust


class Slices(faust.Schema):  # type: ignore[misc]  # Faust gives it no types
    """The schema of topics whose messages carry slices, which are not decoded."""

    def loads_key(self, *_: Any, **__: Any) -> None:
        return None

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002  # as Faust's
        return message.value
