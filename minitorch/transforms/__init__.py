"""Augmentations of images, under torchvision's names, for tensors and arrays [..., C, H, W]."""

from . import functional
from .chance import (
    ColorJitter,
    GaussianBlur,
    RandomAdjustSharpness,
    RandomAffine,
    RandomAutocontrast,
    RandomCrop,
    RandomErasing,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomInvert,
    RandomPosterize,
    RandomResizedCrop,
    RandomRotation,
    RandomSolarize,
    RandomVerticalFlip,
)
from .composing import Compose, Lambda, RandomApply, RandomChoice, RandomOrder
from .fixed import (
    CenterCrop,
    ConvertImageDtype,
    FiveCrop,
    Grayscale,
    Normalize,
    Pad,
    Resize,
    TenCrop,
    ToDtype,
    ToTensor,
)
from .resampling import InterpolationMode
