"""Every Python block and every command of README.md and docs/ runs and prints what the page shows."""

import pytest

from support import ROOT
from support.documents import run_page

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page, tmp_path):
    run_page(page, tmp_path)
