"""Every word that a Korean notebook prints or draws is Korean, code and names apart."""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(
    path
    for folder in ("notebooks", "exercises", "solutions")
    for path in (ROOT / folder / "ko").glob("*.ipynb")
)
# The sentences of the guide are the data of the course.
_DATA = "Hello world How are you doing today The weather will be nice tomorrow"
# Words that stay as they are in Korean, each with its reason.
EXCEPTIONS = {
    **dict.fromkeys(("Keras", "Python", "Google", "Jupyter", "Colab"), "a name"),
    **dict.fromkeys(_DATA.split(), "a token of the data"),
    **dict.fromkeys(("True", "False", "None", "Ellipsis"), "a value of Python"),
    **dict.fromkeys(("bool", "int", "float", "str", "list", "tuple"), "a type of Python"),
    **dict.fromkeys(("nan", "inf"), "how NumPy prints a number"),
    **dict.fromkeys(("ms", "MB", "KB", "GB"), "a unit"),
    **dict.fromkeys(("id", "ids"), "what Korean text calls the number of a token"),
}
# What others wrote, which is shown as they wrote it, each with its reason.
QUOTED = {
    r"\b\w+(?:Error|Exception|Warning)\b[^\n]*": "what Python or Keras says of an error",
    r"(?:Layer '\w+' \(of type \w+\) was passed an input with a mask attached to it\. )?"
    r"(?:However, )?this layer does not support masking[^\n]*": "a warning of Keras",
    r"If any downstream layer does not support masking yet receives such\s+an input mask, an "
    r"exception will be raised\.": "a sentence of Keras's documentation that a lesson refutes",
    r"(?m)^\((?=[^\n]*=)[^\n]*\)$": "a signature, as Python prints it",
    r"'[^'\n]*'|\"[^\"\n]*\"": "a string, as Python prints it",
    r"<[A-Za-z][\w.]*[^<>]*>": "an object, as Python prints it",
    r"https?://\S+": "an address",
}
_WORD = re.compile(r"(?<![A-Za-z0-9_])[A-Za-z][A-Za-z0-9_]*")
# An underscore, a digit, or capitals within: no word of prose.
_CODE = re.compile(r".*[_0-9]|.+[A-Z]")
# A keyword (mask=), a call (show()), a part of a path (keras.layers), what a dot leads to (.shape).
_BEFORE_CODE, _BEHIND_CODE = re.compile(r"[.@%$]$"), re.compile(r"=|\(|\[|\.[A-Za-z_]")
# The calls that write on a figure, and the keywords of any call that do.
_WRITE = frozenset(
    {"title", "suptitle", "xlabel", "ylabel", "text", "figtext", "annotate", "legend"}
    | {"set_title", "set_xlabel", "set_ylabel", "set_label", "set", "set_text"}
    | {"xticks", "yticks", "set_xticks", "set_yticks", "set_xticklabels", "set_yticklabels"}
)
_WRITTEN = frozenset({"label", "labels", "tick_label", "title", "suptitle", "xlabel", "ylabel"})
_OTHER_KEYWORDS_OF_TEXT = frozenset({"s", "text"})
# What hands on the strings that it is given.
_HANDS_ON = frozenset({"zip", "enumerate", "dict", "list", "tuple", "items", "keys", "join"})


class Visible(HTMLParser):
    """The text that a reader sees of HTML, outside code."""

    _HIDDEN = frozenset({"code", "script", "style", "pre"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Begins a piece of text; within code, nothing is seen."""
        self.parts.append("\n")
        self._hidden += tag in self._HIDDEN

    def handle_endtag(self, tag: str) -> None:
        """Ends a piece of text."""
        self.parts.append("\n")
        self._hidden -= tag in self._HIDDEN

    def handle_data(self, data: str) -> None:
        """Takes text that is seen."""
        if not self._hidden:
            self.parts.append(data)


def joined(text: str | list[str]) -> str:
    """A text of a notebook, which may be kept as its lines."""
    return text if isinstance(text, str) else "".join(text)


def shown(output: dict[str, Any]) -> Iterator[str]:
    """The texts of an output that a reader sees."""
    if output["output_type"] == "stream":
        yield joined(output["text"])
    data = output.get("data", {})
    if "text/html" in data:
        yield "".join(Visible(joined(data["text/html"])).parts)
    elif "text/plain" in data and not any(kind.startswith("image/") for kind in data):
        yield joined(data["text/plain"])


def parsed(cells: Iterable[dict[str, Any]]) -> dict[str, ast.Module]:
    """The code of each cell, without what only IPython understands."""
    return {
        cell["id"]: ast.parse(re.sub(r"(?m)^\s*[!%].*$|\?$", "", joined(cell["source"])))
        for cell in cells
        if cell["cell_type"] == "code"
    }


def code_words(book: dict[str, Any]) -> set[str]:
    """The words of a notebook's code that name what others made: no variable is among them.

    They are the attributes, arguments, imports and classes of its code, the names of layers, which
    Keras makes of their classes, and what its text writes as code.
    """
    found: set[str] = set()
    for node in (node for tree in parsed(book["cells"]).values() for node in ast.walk(tree)):
        match node:
            case ast.Attribute(attr=name) | ast.alias(name=name) | ast.arg(arg=name):
                found |= {name, name.lower()}
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found |= {name, name.lower()}
            case ast.keyword(arg="name", value=ast.Constant(value=str(name))):
                found |= {"name", name}
            case ast.keyword(arg=str(name)):
                found.add(name)
    for cell in book["cells"]:
        if cell["cell_type"] == "markdown":
            for code in re.findall(r"`([^`\n]+)`", joined(cell["source"])):
                found |= set(_WORD.findall(code))
    return found


def english(text: str, code: set[str]) -> list[str]:
    """The words of a text that are neither Korean nor code nor an exception."""
    for pattern in QUOTED:
        text = re.sub(pattern, " ", text)
    return [
        match[0]
        for match in _WORD.finditer(text)
        if len(match[0]) > 1
        and match[0] not in EXCEPTIONS
        and match[0] not in code
        and not _CODE.match(match[0])
        and not _BEFORE_CODE.search(text[: match.start()])
        and not _BEHIND_CODE.match(text[match.end() :])
    ]


def drawn(trees: dict[str, ast.Module]) -> Iterator[tuple[str, str]]:
    """The strings of code that are written on figures, with the id of their cell."""
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    for cell, tree in trees.items():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            writes = isinstance(call.func, ast.Attribute) and call.func.attr in _WRITE
            keywords = _WRITTEN | (_OTHER_KEYWORDS_OF_TEXT if writes else set())
            texts = [*call.args] if writes else []
            if isinstance(call.func, ast.Attribute) and call.func.attr == "plot_growth":
                texts = call.args[:1]  # the names of the models
            texts += [each.value for each in call.keywords if each.arg in keywords]
            for text in texts:
                yield from ((cell, each) for each in strings(text, nodes))


def strings(text: ast.expr, nodes: list[ast.AST], depth: int = 0) -> Iterator[str]:
    """The strings that an expression may be or hold, also by way of variables."""
    match text:
        case ast.Constant(value=str(value)):
            yield value
        case ast.JoinedStr(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            for part in parts:
                yield from strings(part, nodes, depth)
        case ast.FormattedValue(value=part) | ast.Starred(value=part):
            yield from strings(part, nodes, depth)
        case ast.Dict(keys=keys, values=values):
            for entry in filter(None, [*keys, *values]):
                yield from strings(entry, nodes, depth)
        case ast.BinOp(left=one, right=other) | ast.IfExp(body=one, orelse=other):
            for part in (one, other):
                yield from strings(part, nodes, depth)
        case ast.ListComp(elt=part) | ast.GeneratorExp(elt=part) | ast.Subscript(value=part):
            yield from strings(part, nodes, depth)
        case ast.Call(func=ast.Name(id=name), args=parts) if name in _HANDS_ON:
            for part in parts:
                yield from strings(part, nodes, depth)
        case ast.Call(func=ast.Attribute(attr=name, value=owner), args=parts) if name in _HANDS_ON:
            for part in [owner, *parts]:
                yield from strings(part, nodes, depth)
        case ast.Name(id=name) if depth < 3:  # a name may be bound by way of itself
            for bound in bindings(name, nodes):
                yield from strings(bound, nodes, depth + 1)


def bindings(name: str, nodes: list[ast.AST]) -> Iterator[ast.expr]:
    """The expressions that a name may stand for, or that it may come out of."""
    for node in nodes:
        match node:
            case ast.Assign(targets=targets, value=value):
                if any(name in names(target) for target in targets):
                    yield value
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                if name in names(target):
                    yield value
            case ast.FunctionDef(name=function, args=arguments):
                places = [each.arg for each in arguments.args]
                if name in places:
                    yield from arguments_of(function, places.index(name), name, nodes)


def arguments_of(function: str, place: int, name: str, nodes: list[ast.AST]) -> Iterator[ast.expr]:
    """What the calls of a function give to one of its parameters."""
    for node in nodes:
        if isinstance(node, ast.Call) and names(node.func) == {function}:
            yield from node.args[place : place + 1]
            yield from (each.value for each in node.keywords if each.arg == name)


def names(node: ast.AST) -> set[str]:
    """The variables within a piece of code."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def faults(book: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The English words that a notebook prints or draws, by the ids of its cells."""
    code, trees = code_words(book), parsed(book["cells"])
    texts = [
        (cell["id"], text)
        for cell in book["cells"]
        for output in cell.get("outputs", [])
        for text in shown(output)
    ]
    found: dict[str, list[str]] = {}
    for cell, text in [*texts, *drawn(trees)]:
        found.setdefault(cell, []).extend(english(text, code))
    return [(cell, sorted(set(words))) for cell, words in found.items() if words]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_word_that_is_printed_or_drawn_is_korean(path: Path) -> None:
    assert faults(json.loads(path.read_text(encoding="utf-8"))) == []


# --- The test itself ------------------------------------------------------------------------------


def book(source: str, *, text: str = "", **data: str) -> dict[str, Any]:
    """A notebook of one cell, that printed a text or showed data."""
    outputs: list[dict[str, Any]] = []
    if text:
        outputs.append({"output_type": "stream", "name": "stdout", "text": [text]})
    if data:
        kinds = {kind.replace("_", "/"): value for kind, value in data.items()}
        outputs.append({"output_type": "display_data", "data": kinds})
    cell = {"cell_type": "code", "id": "one", "source": source, "outputs": outputs}
    prose = {"cell_type": "markdown", "id": "text", "source": "`mask_zero=True`와 `mean`입니다."}
    return {"cells": [prose, cell]}


WRONG = {
    "a word": (book("", text="moved: 0.5\n"), ["moved"]),
    "a word beside Korean": (book("", text="가장 큰 output: 3"), ["output"]),
    "a variable": (book("before = 3", text="before 3"), ["before"]),
    "a table": (book("", text_html="<table><tr><th>row</th></tr></table>"), ["row"]),
    "a value": (book("", text_plain="no mask"), ["mask", "no"]),
    "an axis": (book("plt.ylabel('answer')"), ["answer"]),
    "an axis of axes": (book("ax.set(xlabel='padded length')"), ["length", "padded"]),
    "a legend": (book("ax.plot(x, y, label='plain')\nax.legend()"), ["plain"]),
    "a title": (book("ax.set_title(f'{n} steps')"), ["steps"]),
    "a note": (book("ax.text(0, 1, 'here', ha='center')"), ["here"]),
    "by way of a variable": (book("name = 'left'\nplt.xlabel(name)"), ["left"]),
    "by way of a loop": (
        book("for name, y in {'one': a, 'other': b}.items():\n    plt.plot(y, label=name)"),
        ["one", "other"],
    ),
    "by way of pairs": (
        book("for y, name in zip(ys, ('short', 'long')):\n    plt.plot(y, label=name)"),
        ["long", "short"],
    ),
    "by way of a function": (
        book("def draw(ax, title):\n    ax.set_title(title)\n\ndraw(ax, 'the end')"),
        ["end", "the"],
    ),
    "models": (book("models = {'good': a}\nml.plot_growth(models, x)"), ["good"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_english_word_is_found(name: str) -> None:
    notebook, words = WRONG[name]
    assert faults(notebook) == [("one", words)]


RIGHT = {
    "Korean": book("plt.ylabel('답')", text="달라진 값: 0.5"),
    "code": book("", text="mask_zero=True: 0.5\nkeras.ops.where(x) .shape LSTM float32 array([1])"),
    "code of the text": book("", text="mean 3.5"),
    "an argument": book("f(padding=3)", text="padding 3"),
    "a method": book("x.argmax()", text="argmax 2"),
    "a layer's name": book("keras.layers.Dense(3, name='head')", text="dense, head"),
    "an object": book("", text="<tf.Tensor: shape=(2,), dtype=bool, numpy=array([True])>"),
    "a signature": book("", text="(one, other=None)\n"),
    "a warning": book(
        "",
        text="Layer 'own' (of type Own) was passed an input with a mask attached "
        "to it. However, this layer does not support masking and will destroy it.\n",
    ),
    "a string": book("", text="{'plain': 3, \"it\": None}"),
    "an error": book("", text="ValueError: the shapes do not match\n"),
    "hidden code": book("", text_html="<style>p {color: red}</style><code>some name</code>값"),
    "beside a picture": book("", image_png="aGVsbG8=", text_plain="a figure of some size"),
    "a color": book("plt.plot(y, color='red', label='값')\nx = 'an English text'"),
    "data": book("", text="How are you"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_code_and_names_are_no_fault(name: str) -> None:
    assert faults(RIGHT[name]) == []
