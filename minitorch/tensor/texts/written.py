"""How a row of a table becomes a docstring with an example."""

from __future__ import annotations

# What a function does; then lines of code, each followed by what it prints, "" for nothing.
Text = str | tuple[str, ...]


def docstring(text: Text) -> str:
    r"""Return the docstring that a row stands for.

    >>> docstring(("Double a number.", "x = 2", "", "double(x)", "4"))
    'Double a number.\n\n    >>> x = 2\n    >>> double(x)\n    4\n'
    """
    if isinstance(text, str):
        return text
    summary, *shown = text
    lines = (line if i % 2 else f">>> {line}" for i, line in enumerate(shown))
    return f"{summary}\n\n" + "".join(f"    {line}\n" for line in lines if line)
