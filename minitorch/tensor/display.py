"""Tensors in notebooks: a table of the numbers, or their text, under a line of shape, dtype, device and gradient."""

from __future__ import annotations

import numpy as np

from ..core import dtypes
from .handle import Tensor
from .printing import cells, known, text

MOST = 20  # rows and columns that a table shows; larger tensors come as text


def html(x: Tensor) -> str:
    """Return a tensor as HTML.

    >>> html(Tensor([1.0, 2.5]))
    '<code>tensor: shape (2,), float32, cpu</code><table><tr><td>1.0000</td><td>2.5000</td></tr></table>'
    """
    from html import escape  # here, so that importing the package stays cheap

    x._enter()
    value = known(x.current())
    if value is None:
        return f"<pre>{escape(repr(x))}</pre>"
    facts = [f"shape {tuple(value.shape)}", dtypes.name(value.dtype), str(value.device)]
    head = f"<code>tensor: {escape(', '.join([*facts, *['requires grad'] * x.requires_grad]))}</code>"
    if not 0 < value.ndim <= 2 or not value.size or max(value.shape) > MOST:
        return f"{head}<pre>{escape(text(x))}</pre>"
    rows = np.atleast_2d(np.array(cells(value), dtype=object)).tolist()
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    return f"{head}<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


Tensor._repr_html_ = html  # type: ignore[attr-defined]
