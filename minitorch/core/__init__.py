"""The engine: arrays, primitives, and the transforms over them.

Knows nothing about Tensor, nn, or any accelerator. Files are layered; `docs/architecture.md` draws the house and
`tests/test_layering.py` keeps it standing.
"""
