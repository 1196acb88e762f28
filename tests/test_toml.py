"""What is written as TOML is read as it was."""

import tomllib

import pytest

from keras_mer._toml import to_toml

pytestmark = pytest.mark.once


def test_what_is_written_is_read():
    content = {
        "name": 'a "name" — of\nlines',
        "table": {"rate": 1e-5, "count": 3, "on": True, "list": [1, 2.5], "empty": []},
        "deeper": {"arguments": {"features": {"text": 3}, "odd key": {}, "tuple": [[1], [2]]}},
    }
    assert tomllib.loads(to_toml(content)) == content
    assert tomllib.loads(to_toml({"a": None, "b": {"c": None}})) == {"b": {}}


def test_what_has_no_form_is_named():
    with pytest.raises(TypeError, match="has no form in TOML"):
        to_toml({"a": object()})
