"""Calling a module with other tensors in the place of its own, where PyTorch had it first."""

from ..structure import functional_call as functional_call

__all__ = ["functional_call"]
