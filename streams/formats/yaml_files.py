"""YAML in which a key occurs once: of two, YAML's loaders silently keep the last."""

from __future__ import annotations

from typing import Any

import yaml


class RepeatedKey(yaml.MarkedYAMLError):
    """A mapping has a key twice; `problem` says which."""

    def __init__(self, key: str, mark: yaml.Mark) -> None:
        super().__init__(problem=f"{key} is given twice", problem_mark=mark)


class OnceEach:
    """Makes a loader of PyYAML refuse a mapping that has a key twice. Goes before the loader among
    the bases of a class.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """As PyYAML calls it, before keys are merged by `<<`. Raises `RepeatedKey`."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)  # type: ignore[misc]
        found: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in found:
                raise RepeatedKey(key.value, key.start_mark)
            found.add((key.tag, key.value))
        return node


class SafeLoader(OnceEach, yaml.SafeLoader):
    """PyYAML's, with each key once."""


class BaseLoader(OnceEach, yaml.BaseLoader):
    """PyYAML's, which makes nothing but texts, lists and mappings, with each key once."""


def expected(error: Exception) -> str:
    """What is wrong with a file that raised `error` while it was read as YAML.

    >>> expected(ValueError())
    'expected YAML'
    """
    return str(error.problem) if isinstance(error, RepeatedKey) else "expected YAML"
