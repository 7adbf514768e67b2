"""Pictures as trees of nodes: data that the front end turns into elements without parsing HTML."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

# A text, or a tag with its classes, its attributes, and the nodes within it.
_Element = tuple[str, tuple[tuple[str, str], ...], tuple["Node", ...]]
Node = str | _Element

_EMPTY_TAGS = frozenset({"br", "hr", "img"})
_TAGS = _EMPTY_TAGS | {
    *("b", "code", "dd", "div", "dl", "dt", "em", "figcaption", "figure", "h4", "i", "li", "ol"),
    *("p", "pre", "s", "section", "small", "span", "strong", "table", "tbody", "td", "th", "thead"),
    *("tr", "ul", "var"),
}
_ATTRIBUTES = frozenset(
    {"alt", "colspan", "data-copy", "data-t", "lang", "role", "scope", "src", "tabindex", "title"}
)
# A reference to a subtree shorter than this would save nothing.
_SHORTEST_SHARED = 24


def read_nodes(html: str) -> list[Node]:
    """Parses the HTML of a picture into nodes.

    Leaves out style sheets, and keeps only custom properties (`--v:37`) of `style` attributes.

    Args:
        html: The HTML of a picture of this package.

    Returns:
        The nodes, in order.

    Raises:
        ValueError: If it holds an element, an attribute or an address that pictures do not use,
            or an element that is not closed.

    Example:
        >>> read_nodes("<td class=t>&lt;b&gt;</td>")
        [('td.t', (), ('<b>',))]
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    if len(reader.ancestors) != 1:
        raise ValueError(f"<{reader.ancestors[-1][0]}> is not closed in the picture.")
    return reader.ancestors[0][2]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.ancestors: list[tuple[str, tuple[tuple[str, str], ...], list[Node]]] = [("", (), [])]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "style":
            self.ancestors.append((tag, (), []))
            return
        if tag not in _TAGS:
            raise ValueError(f"<{tag}> is no element of a picture.")
        known = {name: value or "" for name, value in attrs}
        name = ".".join([tag, *known.pop("class", "").split()])
        kept = tuple(sorted(_kept_attributes(known)))
        if tag in _EMPTY_TAGS:
            self._siblings.append((name, kept, ()))
        else:
            self.ancestors.append((name, kept, []))

    def handle_endtag(self, tag: str) -> None:
        name, attributes, inside = self.ancestors.pop()
        if name.split(".")[0] != tag:
            raise ValueError(f"</{tag}> closes <{name}> in the picture.")
        if tag != "style":
            self._siblings.append((name, attributes, tuple(inside)))

    def handle_data(self, data: str) -> None:
        self._siblings.append(data)

    @property
    def _siblings(self) -> list[Node]:
        return self.ancestors[-1][2]


def _kept_attributes(attributes: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in attributes.items():
        if name == "style":
            custom = [part.strip() for part in value.split(";") if part.strip().startswith("--")]
            if custom:
                yield name, ";".join(custom)
        elif name == "src" and not value.startswith("data:image/"):
            raise ValueError(f"A picture loads nothing, but its src is {value!r}.")
        elif name in _ATTRIBUTES or name.startswith("aria-"):
            yield name, value
        else:
            raise ValueError(f"{name} is no attribute of a picture.")


class Pool:
    """The subtrees that pictures of an explorer share, each kept once.

    Equal subtrees become one entry, and pictures refer to it by its index.

    Attributes:
        entries: The entries in the form of JSON; an entry refers only to earlier ones.
    """

    def __init__(self, pictures: list[Node]) -> None:
        """Finds the subtrees that occur more than once in the pictures."""
        self.entries: list[Any] = []
        self._places: dict[object, int] = {}
        self._shared: set[Node] = set()
        seen: set[Node] = set()
        for picture in pictures:
            self._count(picture, seen)

    def _count(self, node: Node, seen: set[Node]) -> None:
        if node in seen:
            self._shared.add(node)
            return
        seen.add(node)
        if not isinstance(node, str):
            for inner in node[2]:
                self._count(inner, seen)

    def refer(self, node: Node) -> Any:
        """Converts a node to JSON, with references to shared subtrees.

        Args:
            node: One of the pictures.

        Returns:
            A string, a list, or the index of an entry.

        Example:
            >>> cell = ("td.t", (), ("Hello, my friend and you",))
            >>> pool = Pool([cell, cell])
            >>> pool.refer(cell), pool.refer(cell), pool.entries
            (0, 0, [['td.t', 'Hello, my friend and you']])
        """
        if isinstance(node, str):
            return node
        if node in self._places:
            return self._places[node]
        name, attributes, inside = node
        written = [name, *([dict(attributes)] if attributes else []), *map(self.refer, inside)]
        if node in self._shared and len(str(written)) >= _SHORTEST_SHARED:
            return self.keep(node, written)
        return written

    def keep(self, key: object, entry: Any) -> int:
        """Keeps an entry once.

        Args:
            key: A hashable key that identifies the entry.
            entry: The entry in the form of JSON.

        Returns:
            Its index.
        """
        if key not in self._places:
            self._places[key] = len(self.entries)
            self.entries.append(entry)
        return self._places[key]
