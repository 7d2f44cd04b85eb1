"""Saving and loading: trees of tensors and plain values in safetensors files, and PyTorch's files read safely."""

from .checkpoints import load, save
