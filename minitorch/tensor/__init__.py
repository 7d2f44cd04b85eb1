"""The PyTorch face: mutable handles on immutable values.

`handle` owns the Tensor and its ambient tape, `alias` what views share, `fast` the shortcut for concrete values; the
other files hold functions and methods under PyTorch's names, as tables by theme that `functions` makes public.
"""

from . import functions, inplace, methods, printing
