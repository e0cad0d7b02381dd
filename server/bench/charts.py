"""Charts of the report as SVG text; the only module that imports matplotlib, when a chart is drawn."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from koemori.server.commands.exits import UnusableInputError

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666", "#000000")
"""Told apart by people who do not see red and green as different (Okabe and Ito)."""
_LIMIT_COLOR = "#b00020"
_MARKS = "osD^v"
_MOST_MARKS = 40
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}


@dataclass(frozen=True, slots=True)
class Curve:
    """Points joined by a line.

    Attributes:
        color: Index into `PALETTE`; curves of one thing measured in two ways share it.
        dashed: The second of such curves.
    """

    across: Sequence[float]
    up: Sequence[float]
    color: int = 0
    dashed: bool = False


def cumulative(title: str, values_ms: Mapping[str, Sequence[int]], limits_ms: Mapping[str, int]) -> str:
    """Share of events that came within a time; `values_ms` are the values at 0, 1, … 100 percent."""
    figure, axes = _figure(title, width=7.2, height=3.6)
    for color, (name, values) in zip(PALETTE, values_ms.items(), strict=False):
        percents = [100 * index / max(1, len(values) - 1) for index in range(len(values))]
        axes.step([value / 1000 for value in values], percents, where="post", color=color, label=name)
        if name in limits_ms:
            axes.plot(limits_ms[name] / 1000, 95, marker="v", markersize=9, color=color, linestyle="none")
    axes.axhline(95, color="#999999", linewidth=0.8, linestyle=":")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 100.5)
    axes.set_xlabel("seconds (▼ the limit for 95 %)")
    axes.set_ylabel("% of events")
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    return _svg(figure, title)


def lines(
    title: str,
    curves: Mapping[str, Curve],
    labels: tuple[str, str],
    limits: Mapping[str, float] | None = None,
) -> str:
    """Curves over a number; `limits` draws red lines with their names."""
    figure, axes = _figure(title, width=7.2, height=3.4)
    for name, curve in curves.items():
        axes.plot(
            curve.across,
            curve.up,
            marker=_MARKS[curve.color % len(_MARKS)] if len(curve.across) < _MOST_MARKS else "",
            markersize=5,
            markerfacecolor="white" if curve.dashed else None,
            linestyle="--" if curve.dashed else "-",
            color=PALETTE[curve.color % len(PALETTE)],
            label=name,
        )
    for name, value in (limits or {}).items():
        axes.axhline(value, color=_LIMIT_COLOR, linewidth=1, linestyle=":")
        axes.annotate(
            name,
            (0.01, value),
            xycoords=("axes fraction", "data"),
            va="bottom",
            fontsize=8,
            color=_LIMIT_COLOR,
        )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.margins(y=0.1)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    if len(curves) > 1:
        _legend(figure, 2)
    return _svg(figure, title)


def stacked(title: str, rows: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """One bar per row, its parts one after the other and their sum; parts below zero go to the left."""
    figure, axes = _figure(title, width=7.2, height=1.3 + 0.5 * len(rows))
    parts = list(dict.fromkeys(part for row in rows.values() for part in row))
    names = list(rows)
    ends, starts = [0.0] * len(names), [0.0] * len(names)
    for color, part in zip(PALETTE, parts, strict=False):
        widths = [rows[name].get(part, 0.0) for name in names]
        lefts = [end if width >= 0 else start for width, end, start in zip(widths, ends, starts, strict=True)]
        axes.barh(names, widths, left=lefts, color=color, label=part, height=0.55)
        ends = [end + max(0.0, width) for end, width in zip(ends, widths, strict=True)]
        starts = [start + min(0.0, width) for start, width in zip(starts, widths, strict=True)]
    for place, end in enumerate(ends):
        total = sum(rows[names[place]].values())
        axes.annotate(f"  {total:.0f}", (end, place), va="center", fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(unit)
    _legend(figure, len(parts), columnspacing=1.0, handlelength=1.0)
    return _svg(figure, title)


def grouped(
    title: str, groups: Sequence[str], series: Mapping[str, Sequence[float | None]], unit: str
) -> str:
    """Bars side by side: one group per entry of `groups`, one bar per series; None leaves a place empty."""
    figure, axes = _figure(title, width=7.2, height=3.2)
    width = 0.8 / max(1, len(series))
    for index, (name, values) in enumerate(series.items()):
        known = [(place, value) for place, value in enumerate(values) if value is not None]
        places = [place + (index - (len(series) - 1) / 2) * width for place, _ in known]
        color = PALETTE[index % len(PALETTE)]
        bars = axes.bar(places, [value for _, value in known], width * 0.92, color=color, label=name)
        axes.bar_label(bars, fmt="%.3g", fontsize=8, padding=1)
    axes.set_xticks(range(len(groups)), groups)
    axes.grid(axis="x", visible=False)
    axes.margins(y=0.15)
    axes.set_ylabel(unit)
    _legend(figure, max(1, len(series)))
    return _svg(figure, title)


def _figure(title: str, width: float, height: float) -> tuple[Any, Any]:
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise UnusableInputError(
            "bench report", "matplotlib, which comes with pip install 'koemori[bench]'", "none"
        ) from None
    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots()
        axes.set_title(title)
    return figure, axes


def _legend(figure: Any, columns: int, **options: float) -> None:
    figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=9, **options)


def _svg(figure: Any, title: str) -> str:
    from matplotlib import rc_context

    name = re.sub(r"\W+", "-", title).strip("-").lower()
    text = io.StringIO()
    with rc_context({**_STYLE, "svg.hashsalt": name}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    # Several charts share one page: what they name must not clash.
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"<metadata>.*?</metadata>|<style .*?</style>", "", svg, flags=re.DOTALL)
    head, rest = svg.split(">", 1)
    head = re.sub(r' (?:width|height)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{escape(title)}">{rest}'
