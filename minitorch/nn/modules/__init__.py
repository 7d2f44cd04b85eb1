"""The layers: each a thin Module around a function of `functional`."""
