"""Control flow as primitives: loops and branches that hold their functions as graphs, under every transform."""

from . import branching, implicit, loops, mapping
