"""What a kernel finds that Python calls: the places of its words, in `i64(P[2])`."""

from __future__ import annotations

# The fallback; C functions; objects that there is one of, and classes.
(
    FALLBACK, SCATTERED, CALL, CLEAR, MATCHES, RETAIN, RELEASE, ALLOC, EMPTY, TUPLE, LIST, APPEND, INTEGER, VALUE_OF,
    NEXT, SUBTYPE, CONTEXT_GET, GET_ITEM, SET_ITEM, CONTAINS, ATTRIBUTES, NONE, FALSE, NO_AXES, ZERO, NDARRAY, ARRAY,
    SLOT, FLOAT, INT, SEQUENCE_KIND, MAPPING_KIND, FLOAT32, FLOAT64, INT64, POSITIVE, NEGATIVE, NOUGHT, SCRATCH, COMMON,
) = range(40)  # fmt: skip
# Of handles, their tapes, and the context: classes, the places of slots, a context variable.
(
    HANDLE, TRACE, VALUE, VIEW, NODE, CONTEXT, CAREFUL, MUTED, CLOSED, LEVEL,
) = range(COMMON, COMMON + 10)  # fmt: skip
# Of nodes: their classes and slots, the iterator that numbers them, and the address of a table of plans.
(
    RECORD, PICK, PLAN, PARENTS, SAVED, PARAMS, SHAPE, DTYPE, SEQUENCE, CELL, PICKED, LINE, COUNTER, PLANS,
) = range(LEVEL + 1, LEVEL + 15)  # fmt: skip
# Of what waits for a gradient, the names of attributes and options, what computes, and which of its exceptions are left to
# Python to explain.
(
    WAITS, GRAD, WAITING, VERSION, REDUCTION, MEAN, SUM, IGNORED, UFUNC, FAILURES,
) = range(PLANS + 1, PLANS + 11)  # fmt: skip
PLAN_WORDS = 6  # of a plan in its table: the plan, how many values its nodes save, and which
NOTHING = -1  # in the place of a plan that records nothing
RAISED = -1  # in the place of what has been made: an exception is set
