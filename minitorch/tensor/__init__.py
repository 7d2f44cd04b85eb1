"""The PyTorch face: mutable handles on immutable values.

`handle` owns the Tensor and its ambient tape, `sharing` and `alias` what it shares with its views, `backward` the walk to
its leaves, `fast` the shortcut for concrete values; the other files hold functions and methods under PyTorch's names, as
tables by theme that `functions` makes public.
"""

from . import backward, display, functions, inplace, methods, printing, pytree
