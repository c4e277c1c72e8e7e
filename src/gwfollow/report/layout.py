"""Where the boxes of an event's analyses stand: what is needed to the left of what needs it.

Layers by the longest way from an analysis without needs; within a layer by the mean place of its neighbours, swept to and fro a few times
(the barycentre heuristic of Sugiyama, Tagawa and Toda, 1981).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 186, 46, 56, 18, 12
_SWEEPS = 4


@dataclass(frozen=True)
class Box:
    name: str
    x: int
    y: int


@dataclass(frozen=True)
class Edge:
    source: str
    target: str
    path: str  # of an SVG path element
    role: str


@dataclass(frozen=True)
class Graph:
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int


def lay_out(names: Sequence[str], edges: Mapping[tuple[str, str], str]) -> Graph:
    """`edges` is (needed, needing) -> role; both are among `names`."""
    layers = _ordered(_layers(names, edges), edges)
    tallest = max((len(layer) for layer in layers), default=0)
    boxes = {}
    for column, layer in enumerate(layers):
        top = MARGIN + (tallest - len(layer)) * (HEIGHT + GAP_Y) // 2
        for row, name in enumerate(layer):
            boxes[name] = Box(name, MARGIN + column * (WIDTH + GAP_X), top + row * (HEIGHT + GAP_Y))
    width = 2 * MARGIN + len(layers) * (WIDTH + GAP_X) - GAP_X if layers else 0
    height = 2 * MARGIN + tallest * (HEIGHT + GAP_Y) - GAP_Y if layers else 0
    drawn = tuple(Edge(a, b, _curve(boxes[a], boxes[b]), role) for (a, b), role in edges.items())
    return Graph(tuple(boxes[name] for name in names), drawn, width, height)


def _layers(names: Sequence[str], edges: Mapping[tuple[str, str], str]) -> list[list[str]]:
    """Each name in the layer after the last one that it needs.  A circle, which apply refuses, is cut where it is met."""
    needed: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        needed[target].append(source)
    depth: dict[str, int] = {}
    for start in names:
        stack = [start]
        on_way: set[str] = set()
        while stack:
            name = stack[-1]
            on_way.add(name)
            open_ = [other for other in needed[name] if other not in depth and other not in on_way]
            if open_:
                stack.append(open_[0])
                continue
            stack.pop()
            on_way.discard(name)
            depth[name] = max((depth[other] + 1 for other in needed[name] if other in depth), default=0)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in names:
        layers[depth[name]].append(name)
    return layers


def _ordered(layers: list[list[str]], edges: Mapping[tuple[str, str], str]) -> list[list[str]]:
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for source, target in edges:
        before.setdefault(target, []).append(source)
        after.setdefault(source, []).append(target)
    place = {name: row - len(layer) / 2 for layer in layers for row, name in enumerate(layer)}
    for sweep in range(_SWEEPS):
        neighbours = before if sweep % 2 == 0 else after
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            means = {name: _mean([place[n] for n in neighbours.get(name, ())], place[name]) for name in layer}
            layer.sort(key=means.__getitem__)
            place.update({name: row - len(layer) / 2 for row, name in enumerate(layer)})
    return layers


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _curve(source: Box, target: Box) -> str:
    x1, y1, x2, y2 = source.x + WIDTH, source.y + HEIGHT // 2, target.x - 7, target.y + HEIGHT // 2
    bend = max(30, (x2 - x1) // 2)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"


__all__ = ["GAP_X", "GAP_Y", "HEIGHT", "MARGIN", "WIDTH", "Box", "Edge", "Graph", "lay_out"]
