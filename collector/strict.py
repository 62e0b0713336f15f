"""The base of everything that `apis.yml` consists of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Refuses unknown keys and values of another type; the text below each field is its description.

    Inputs may be secrets, so no message quotes them.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


def given(section: Strict, *keys: str) -> list[str]:
    """Return those of the keys that the file has."""
    return [key for key in keys if key in section.model_fields_set]
