"""The pages of docs/reference/ say what the code says now, and nothing is missing from them."""

from __future__ import annotations

import pytest

from tests.docs.errors import said
from tests.docs.pages import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "write it anew: python -m tests.docs"


def test_every_error_names_its_fix_or_has_none_to_name() -> None:
    """Of what a person may meet; the codes that end a call of the service's own rooms are met by none."""
    assert len({each.code for each in said()}) > 100
    assert [each for each in said() if not each.what.strip()] == []


def test_there_is_no_page_that_nobody_writes() -> None:
    assert sorted(path.name for path in FOLDER.glob("*.md")) == sorted(PAGES)
