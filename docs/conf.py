"""Sphinx's settings, the same for every language; authoring.site sets the environment."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import sphinx.search
from docutils import nodes
from matplotlib import font_manager
from sphinx.locale import _

import masklens
from authoring import colab, notebook

sys.path.insert(0, str(Path(__file__).parent))
from korean_search import SearchKorean  # stands beside this file

project = "MaskLens"
author = "MaskLens"
language = os.environ["MASKLENS_SITE_LANGUAGE"]
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["templates", "static", "locale"]
# Absolute, because Sphinx looks for the words of its scripts from where it was started.
locale_dirs = [str(Path(__file__).parent / "locale")]

# Notebooks are shown as they were committed. A page carries each explorer as its picture, and the
# loader brings it to life.
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {"page.js": {}}
nb_mime_priority_overrides = [("html", "text/html", 1)]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# The docstrings write code between single backquotes.
default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "MaskLens"
templates_path = ["templates"]
html_static_path = ["static"]
html_css_files = ["site.css", "predictions.css", "page.css"]
html_js_files = [(name, {"defer": "defer"}) for name in ("predictions.js", "site.js")]
html_favicon = "static/favicon.svg"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_last_updated_fmt = None
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
        "sidebar/language.html",
    ]
}
# What templates are told besides.
languages = json.loads(os.environ["MASKLENS_SITE_LANGUAGES"])
base_url = os.environ["MASKLENS_SITE_URL"]
html_context = {
    "page_language": language,
    "languages": languages,
    "repository": os.environ["MASKLENS_SITE_REPOSITORY"],
    "base_url": base_url,
}

# What social networks show of a page, and its address, where that is known.
if base_url:
    extensions.append("sphinxext.opengraph")
    html_baseurl = ogp_site_url = f"{base_url}/{language}/"
    ogp_description_length = 0  # the template describes the page
    ogp_social_cards = {"image_mini": "images/logo.png", "line_color": "#0072b2"}
    font = next(each["font"] for each in languages if each["code"] == language)
    if font:
        fonts = Path(masklens.__file__).parent / "plots" / "fonts"
        font_manager.fontManager.addfont(fonts / font)
        ogp_social_cards["font"] = font_manager.FontProperties(fname=fonts / font).get_name()


def _leave_pictures_out(_app: Any, doctree: nodes.document) -> None:
    # Without its tags, what stands in neighbouring cells of a picture becomes one long word. In the
    # text, tags open and close around other text.
    for output in doctree.findall(nodes.container):
        if "cell_output" in output["classes"]:
            for picture in output.findall(nodes.raw):
                picture["classes"].append("no-search")


def _tell_solutions_apart(_app: Any, env: Any) -> None:
    # An exercise and its solution have one heading. Lists of pages show both.
    solved = _("(solved)")  # Babel looks into no f-string
    for name, title in env.titles.items():
        if name.startswith("solutions/"):
            title += nodes.Text(f" {solved}")


def _give_addresses(
    _app: Any, _page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    context["github_page"], context["colab_page"] = notebook.page, colab.page


def setup(app: Any) -> None:
    """Lets Sphinx search Korean, search in no picture, and call solutions what they are."""
    sphinx.search.languages["ko"] = SearchKorean
    app.connect("doctree-read", _leave_pictures_out)
    app.connect("env-updated", _tell_solutions_apart)
    app.connect("html-page-context", _give_addresses)
