"""Small pieces of HTML for the report; everything given as text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Noto Sans", "Noto Sans JP", sans-serif; color: #1d2433; background: #fff;
  max-width: 54rem; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: .75rem; border-top: 2px solid #1d2433; }
p { max-width: 46rem; margin: .4rem 0 .9rem; }
.lead { color: #4a5468; }
table { border-collapse: collapse; margin: .75rem 0 1.25rem; font-size: 14px;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { padding: .25rem .7rem .25rem 0; text-align: right; vertical-align: top;
  border-bottom: 1px solid #dde1e8; }
th { font-weight: 600; border-bottom-color: #1d2433; }
th:first-child, td:first-child, .words td, .words th { text-align: left; }
.met, .missed, .open { font-weight: 700; white-space: nowrap; }
.met { color: #04703b; } .missed { color: #b00020; } .open { color: #5b6475; }
figure { margin: 1rem 0 1.5rem; max-width: 46rem; }
figure svg { width: 100%; height: auto; font-family: system-ui, "Noto Sans", sans-serif; }
figure svg * { stroke-linejoin: round; }
.scroll { overflow-x: auto; }
code { font-size: .9em; overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } table { font-size: 10px; }
  h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
"""


@dataclass(frozen=True, slots=True)
class Marked:
    """Text that is markup already."""

    html: str


_MANY = 1000
Cell = str | int | float | None | Marked


def document(title: str, body: Iterable[str]) -> str:
    """A page that needs nothing from elsewhere."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A heading and what belongs under it."""
    return "\n".join([f"<section>\n<h2>{escape(title)}</h2>", *parts, "</section>"])


def paragraph(text: str, kind: str = "") -> str:
    """Words."""
    return f"<p{f' class={kind!r}' if kind else ''}>{escape(text)}</p>"


def figure(svg: str) -> str:
    """A chart."""
    return f"<figure>{svg}</figure>"


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Cell]], *, words: bool = False) -> str:
    """A table; `words` when its cells are text and not figures."""
    titles = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "\n".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="scroll"><table{" class=words" if words else ""}><caption>{escape(caption)}</caption>\n'
        f"<thead><tr>{titles}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def plain(name: str) -> str:
    """A name of the program as words."""
    return name.replace("_", " ")


def verdict(met: bool | None) -> Marked:
    """Whether a limit is met, by word and colour."""
    if met is None:
        return Marked('<span class="open">open</span>')
    return Marked('<span class="met">✓ met</span>' if met else '<span class="missed">✗ missed</span>')


def _cell(value: Cell) -> str:
    if isinstance(value, Marked):
        return value.html
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < _MANY else f"{value:,.0f}"
    return escape(value if isinstance(value, str) else f"{value:,}")
