"""What the methods and properties of Tensor tell that stand in a table as a line of code."""

from .written import Text

TEXTS: dict[str, Text] = {
    "cpu": "Return the tensor on the CPU: itself if it is there.",
    "cuda": "Return the tensor on a CUDA device, as `to('cuda')` or `to(device)` do: itself if it is there.",
    "device": "Where the elements lie: the CPU, or a CUDA device and its number.",
    "dim": "Return the number of dimensions.",
    "is_complex": "Return whether the elements are complex numbers.",
    "is_conj": "Return False: conjugates are computed at once.",
    "is_cpu": "Whether the elements lie on the CPU.",
    "is_cuda": "Whether the elements lie on a CUDA device.",
    "is_floating_point": "Return whether the elements are real floats, of any precision.",
    "is_inference": "Return False: tensors made in `inference_mode` are like others.",
    "is_neg": "Return False: negatives are computed at once.",
    "is_pinned": "Return False: no memory is pinned.",
    "name": "None: tensors bear no names.",
    "nbytes": "The size of all elements in bytes.",
    "ndimension": "Return the number of dimensions.",
    "nelement": "Return the number of elements.",
    "new": "Make a tensor of the same dtype from data or sizes; `new_tensor`, `new_zeros` and the like are the newer way.",
    "numel": "Return the number of elements.",
    "output_nr": "Always 0: nodes do not number their outputs.",
    "pin_memory": "Return the tensor itself: no memory is pinned.",
    "retains_grad": "Whether `retain_grad` was called on this tensor, which is no leaf.",
    "size": "The number of elements; called, the shape, or with `size(dim)` the length of one dimension.",
    "type_as": "Return the tensor in the dtype of `other`.",
}
