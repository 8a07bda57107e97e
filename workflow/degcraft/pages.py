"""A table as a page that needs nothing from elsewhere, from Markdown or from a table of results."""

import html

import pandas as pd
from markdown_it import MarkdownIt

_STYLE = """
:root { color-scheme: light; }
body { margin: 0; padding: 1rem 1.25rem 3rem; background: #fff; color: #1d1f22;
  font: 14px/1.45 system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
h1 { font-size: 1.35rem; } h2 { font-size: 1.1rem; }
p, li { max-width: 60rem; }
table { width: max-content; border-collapse: separate; border-spacing: 0; margin: 1rem 0;
  font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid #e3e1da;
  max-width: 30rem; }
th { position: sticky; top: 0; z-index: 2; background: #f1f3f5; }
tr > :first-child { position: sticky; left: 0; background: #fff; font-weight: 500; max-width: 24rem; z-index: 1; }
th:first-child { z-index: 3; background: #f1f3f5; }
tbody tr:hover > * { background: #f6f8fa; }
code { background: #f1f3f5; padding: 0 .2em; }
"""


def markdown_page(title: str, text: str) -> str:
    r"""HTML page of a Markdown text with tables; HTML within the text is shown as text.

    Parameters
    ----------
    title : str
        Title of the page.
    text : str
        Markdown.

    Examples
    --------
    >>> "<td>2</td>" in markdown_page("a", "| x |\n|---|\n| 2 |")
    True
    """
    return _page(title, MarkdownIt("commonmark", {"html": False}).enable("table").render(text))


def table_page(title: str, table: pd.DataFrame) -> str:
    """HTML page of a table, numbers to four digits after the point, missing cells empty.

    Parameters
    ----------
    title : str
        Title and heading.
    table : DataFrame
        Any columns.
    """
    body = table.to_html(index=False, border=0, na_rep="", float_format=lambda number: f"{number:.4g}")
    return _page(title, f"<h1>{html.escape(title)}</h1>\n{body}")


def _page(title: str, body: str) -> str:
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head>\n<body>\n{body}</body></html>\n'
    )
