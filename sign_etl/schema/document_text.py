"""Values as YAML that `read_document` reads back as the same values."""

from __future__ import annotations

import re
from typing import Any

import yaml

from sign_etl.schema.document import RESOLVERS

_OTHERS = re.compile("|".join(f"(?:{pattern})" for _, pattern, _ in RESOLVERS))


class _Dumper(yaml.SafeDumper):
    """PyYAML writes by YAML 1.1, where `008` is a text; by 1.2 it is a number without quotes."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = "'" if _OTHERS.fullmatch(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(values: Any) -> str:
    """`values` as a document, keys in their order."""
    written: str = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return written
