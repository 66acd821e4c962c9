"""Pictures: the overload states, drawn from the transition table that the analyzer runs."""

from __future__ import annotations

import re

from analyzer.model import STATES
from analyzer.overload import RULES, Rule

WIDTH, HEIGHT = 1000, 480
_BOX_WIDTH, _BOX_HEIGHT, _LINE = 160, 56, 17
_COLOURS = (("#eef7f6", "#0b7a75"), ("#f5f0e6", "#8a6d1a"), ("#fbeceb", "#a3312a"))
"""Fill and outline of each state."""


def overload_states() -> str:
    """The transition table as an SVG picture: rises above the states, falls below."""
    words = "; ".join(
        f"{STATES[one.source]} to {STATES[one.target]}: {one.condition}" for one in RULES
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        ' aria-labelledby="title desc" font-family="system-ui, sans-serif" font-size="14">',
        '<title id="title">Overload states and their transitions</title>',
        f'<desc id="desc">{words}.</desc>',
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7"'
        ' markerHeight="7" orient="auto"><path d="M0 0 10 5 0 10z" fill="#444"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *(_box(state) for state in range(len(STATES))),
        *(_arrow(rule) for rule in RULES),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _centre(state: int) -> int:
    return WIDTH * (2 * state + 1) // (2 * len(STATES))


def _box(state: int) -> str:
    fill, outline = _COLOURS[state]
    left, top = _centre(state) - _BOX_WIDTH // 2, (HEIGHT - _BOX_HEIGHT) // 2
    return (
        f'<rect x="{left}" y="{top}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="8"'
        f' fill="{fill}" stroke="{outline}" stroke-width="1.5"/>\n'
        f'<text x="{_centre(state)}" y="{HEIGHT // 2 + 5}" text-anchor="middle"'
        f' font-weight="600">{STATES[state]}</text>'
    )


def _arrow(rule: Rule) -> str:
    """A curve between two states, with the condition at its peak."""
    rises, steps = rule.target > rule.source, abs(rule.target - rule.source)
    right, up = (1, -1) if rises else (-1, 1)
    # Curves over two steps start and end outside those over one step, and reach further out.
    inset, height = (40, 42) if steps == 1 else (-50, 150)
    begin, end = _centre(rule.source) + right * inset, _centre(rule.target) - right * inset
    edge = HEIGHT // 2 + up * _BOX_HEIGHT // 2
    peak, middle, control = edge + up * height, (begin + end) // 2, edge + up * height * 4 // 3
    words = re.fullmatch(r"(.* (?:enter|leave)) (.*) (for .*)", str(rule.condition))
    assert words is not None
    baseline = peak - 2 * _LINE - 6 if rises else peak + _LINE
    text = "".join(
        f'<tspan x="{middle}" y="{baseline + number * _LINE}">{line}</tspan>'
        for number, line in enumerate(words.groups())
    )
    return (
        f'<path d="M{begin} {edge} C{begin} {control} {end} {control} {end} {edge}" fill="none"'
        ' stroke="#444" stroke-width="1.5" marker-end="url(#tip)"/>\n'
        f'<text text-anchor="middle" font-size="12" fill="#444">{text}</text>'
    )
