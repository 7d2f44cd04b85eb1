"""Data sets: from scikit-learn's wheel, from Python's documentation, drawn, or read from files. Nothing is downloaded."""

from .files import CIFAR10, CIFAR100, MNIST, FashionMNIST, read_idx
from .images import ImageDataset
from .synthetic import SyntheticMNIST
from .tables import Split, breast_cancer, diabetes, digits, iris, train_test_split, wine
from .text import Corpus, Windows, text
