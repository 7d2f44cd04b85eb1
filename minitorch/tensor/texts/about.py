"""What the methods and properties of Tensor tell that stand in a table as a line of code."""

from .written import Text

TEXTS: dict[str, Text] = {
    "cpu": (
        "Return the tensor on the CPU: itself if it is there.",
        "mt.tensor([1]).cpu().device",
        "device(type='cpu')",
    ),
    "cuda": (
        "Return the tensor on a CUDA device, as `to('cuda')` or `to(device)` do: itself if it is there.",
        "x = mt.tensor([1.0]).cuda() if mt.cuda.is_available() else mt.tensor([1.0])",
        "",
        "x.is_cuda == mt.cuda.is_available()",
        "True",
    ),
    "device": (
        "Where the elements lie: the CPU, or a CUDA device and its number.",
        "mt.tensor([1]).device",
        "device(type='cpu')",
    ),
    "dim": (
        "Return the number of dimensions.",
        "mt.zeros(2, 3).dim()",
        "2",
    ),
    "is_complex": (
        "Return whether the elements are complex numbers.",
        "mt.is_complex(mt.tensor(1j)), mt.is_complex(mt.tensor(1.0))",
        "(True, False)",
    ),
    "is_conj": ("Return False: conjugates are computed at once.", "mt.is_conj(mt.tensor([1j]).conj())", "False"),
    "is_cpu": (
        "Whether the elements lie on the CPU.",
        "mt.tensor([1]).is_cpu",
        "True",
    ),
    "is_cuda": (
        "Whether the elements lie on a CUDA device.",
        "mt.tensor([1]).is_cuda",
        "False",
    ),
    "is_floating_point": (
        "Return whether the elements are real floats, of any precision.",
        "x = mt.tensor([1, 2])",
        "",
        "mt.is_floating_point(x), mt.is_floating_point(x / 2)",
        "(False, True)",
    ),
    "is_inference": (
        "Return False: tensors made in `inference_mode` are like others.",
        "with mt.inference_mode(): x = mt.tensor([1])",
        "",
        "mt.is_inference(x)",
        "False",
    ),
    "is_neg": ("Return False: negatives are computed at once.", "mt.is_neg(mt.tensor([1j]).conj().imag)", "False"),
    "is_pinned": (
        "Return False: no memory is pinned.",
        "mt.tensor([1]).is_pinned()",
        "False",
    ),
    "name": (
        "None: tensors bear no names.",
        "mt.tensor([1]).name is None",
        "True",
    ),
    "nbytes": (
        "The size of all elements in bytes.",
        "mt.zeros(2, 3).nbytes",
        "24",
    ),
    "ndimension": (
        "Return the number of dimensions.",
        "mt.zeros(2, 3).ndimension()",
        "2",
    ),
    "nelement": (
        "Return the number of elements.",
        "mt.zeros(2, 3).nelement()",
        "6",
    ),
    "new": (
        "Make a tensor of the same dtype from data or sizes; `new_tensor`, `new_zeros` and the like are the newer way.",
        "mt.tensor([0.5]).new([1, 2]), mt.tensor([0.5]).new(2, 3).shape",
        "(tensor([1., 2.]), (2, 3))",
    ),
    "numel": (
        "Return the number of elements.",
        "mt.numel(mt.zeros(2, 3))",
        "6",
    ),
    "output_nr": (
        "Always 0: nodes do not number their outputs.",
        "mt.tensor([1.0]).output_nr",
        "0",
    ),
    "pin_memory": (
        "Return the tensor itself: no memory is pinned.",
        "x = mt.tensor([1])",
        "",
        "x.pin_memory() is x",
        "True",
    ),
    "retains_grad": (
        "Whether `retain_grad` was called on this tensor, which is no leaf.",
        "y = mt.tensor(1.0, requires_grad=True) * 2",
        "",
        "y.retain_grad()",
        "",
        "y.retains_grad",
        "True",
    ),
    "size": (
        "The number of elements; called, the shape, or with `size(dim)` the length of one dimension.",
        "x = mt.zeros(2, 3)",
        "",
        "x.size, x.size(), x.size(0)",
        "(6, (2, 3), 2)",
    ),
    "type_as": (
        "Return the tensor in the dtype of `other`.",
        "mt.tensor([1, 2]).type_as(mt.tensor(0.5))",
        "tensor([1., 2.])",
    ),
}
