"""How Sphinx makes the documentation site of these pages."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

project = "pff-stream"
author = "the authors of pff-stream"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click"]
html_theme = "furo"
html_title = "pff-stream"
html_show_copyright = False
exclude_patterns = ["_build", "example/README.md"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
# Links to files of the repository are for its readers: on the site they have no page.
suppress_warnings = ["myst.xref_missing"]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
