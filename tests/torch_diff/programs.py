"""Short programs that must print the same, or raise the same kind of error, in both libraries.

Each is run with `torch`, `nn` and `data` from one library; what its last line evaluates to is compared as text.
"""

PROGRAMS = {
    # ------------------------------------------------------------------ types
    "isinstance of a typed tensor": """
        x = torch.arange(3)
        p = nn.Parameter(x.float())
        isinstance(x, torch.LongTensor), isinstance(x, torch.FloatTensor), isinstance(p, torch.FloatTensor)
    """,
    "type names": "[x.type() for x in (torch.ones(1), torch.ones(1).long(), torch.tensor([1j]), torch.ones(1) > 0)]",
    "type of a type": "torch.tensor([1.5]).type(torch.LongTensor), torch.tensor([1]).type('torch.DoubleTensor')",
    "typename": "torch.typename(torch.ones(1)), torch.typename(torch.ones(1).double())",
    "new": "torch.ones(1).double().new([1, 2]), torch.tensor([1]).new(2, 3).shape",
    "typed of tensors": "torch.FloatTensor([torch.tensor([1.0]), torch.tensor([2.0])])",
    "Variable": """
        from torch.autograd import Variable
        x = torch.ones(2)
        v = Variable(x, requires_grad=True)
        v.data[0] = 5
        v, x, isinstance(x, Variable), isinstance(1, Variable)
    """,
    "Variable of a list": "torch.autograd.Variable([1.0])",
    # ------------------------------------------------------------------ making
    "tensor of 1-element tensors": "torch.tensor([torch.tensor([1.0]), torch.tensor([[2.0]]), 3])",
    "tensor of tensors of several types": """
        torch.tensor([torch.tensor(1.0), torch.tensor(1)]), torch.tensor([torch.tensor(1), 2.5])
    """,
    "tensor of longer tensors": "torch.tensor([torch.ones(2), torch.ones(2)])",
    "tensor of a huge integer": "torch.tensor(2**63)",
    "tensor of huge integers": "torch.tensor([1, 2**63])",
    "a huge integer among bytes": "torch.tensor([300], dtype=torch.uint8)",
    "size by name": """
        torch.zeros(size=(2, 3)), torch.ones(size=[2]), torch.rand(size=(4,)).shape, torch.randn(size=(2, 2)).shape
    """,
    "randint without low": "torch.randint(high=1, size=(3,))",
    "complex noise": "torch.randn(3, dtype=torch.cfloat).dtype, torch.rand(2, dtype=torch.complex128).dtype",
    # ------------------------------------------------------------------ numbers that fit
    **{
        f"{number} into {dtype}, {how}": f"""
        x = torch.zeros(2, dtype=torch.{dtype})
        {call}
        x.tolist()
        """
        for dtype, number in (
            *(("uint8", n) for n in ("300", "-1", "-300", "2.7", "float('nan')", "2**63")),
            *(("int8", n) for n in ("128", "-128", "1e39")),
            *(("int64", n) for n in ("float('inf')", "float('nan')", "2**62", "-0.5")),
            *(("float16", n) for n in ("70000", "-1e9", "float('inf')", "65504.0")),
            *(("float32", n) for n in ("1e39", "float('nan')")),
            *(("bool", n) for n in ("2", "0.5", "float('nan')")),
        )
        for how, call in (
            ("fill", f"x.fill_({number})"),
            ("index", f"x[0] = {number}"),
            ("mask", f"x.masked_fill_(torch.tensor([True, False]), {number})"),
            ("full", f"x = torch.full((2,), {number}, dtype=x.dtype)"),
            ("index_fill", f"x.index_fill_(0, torch.tensor([1]), {number})"),
        )
    },
    # ------------------------------------------------------------------ indexing
    "bytes as a mask": """
        x, mask = torch.arange(6).reshape(3, 2), torch.tensor([1, 0, 1], dtype=torch.uint8)
        y = x.clone()
        y[mask] = torch.zeros(2, 2, dtype=torch.int64)
        x[mask], x[mask, 1], x[np.array([0, 1, 1], dtype=np.uint8)], y
    """,
    "a byte mask of another length": "torch.arange(3)[torch.tensor([0, 1], dtype=torch.uint8)]",
    "ranges": "torch.arange(12).reshape(3, 4)[range(2), range(2)], torch.arange(4)[range(2)]",
    "bounds that change": """
        x, n = torch.arange(10), torch.tensor(2)
        first = x[:n]
        n += 3
        first, x[:n], x[n:], x[torch.tensor(1) : n]
    """,
    "a view by bounds that change": """
        x, n = torch.arange(5), torch.tensor(2)
        view = x[:n]
        n.fill_(4)
        view += 100
        x
    """,
    "float bounds": """
        x = torch.arange(5)
        x[1:3]
        x[1.0:3]
    """,
    "writes by every index": """
        x = torch.zeros(3, 4)
        x[0], x[:, 1], x[1, 2], x[-1, -1] = 1, 2, 3.5, torch.tensor(7)
        x[[0, 2], [0, 0]] = torch.tensor([5.0, 6.0])
        x[x == 0] -= 1
        x[torch.tensor([True, False, True]), 3] = 9
        x[torch.tensor(1)][0] = 8
        x[None, ..., 1:2] *= 2
        x[2:, ::2] = torch.tensor([[-1.0, -2.0]])
        x
    """,
    "a write that does not fit": "torch.zeros(3, 4).__setitem__(0, torch.zeros(3))",
    "a write of another dtype": """
        x, y = torch.zeros(3, dtype=torch.int64), torch.zeros(2, dtype=torch.bool)
        x[0], x[1], x[2] = 2.7, True, torch.tensor(3.9)
        y[:] = torch.tensor([0.5, 0.0])
        x, y
    """,
    "a recorded write": """
        x, y = torch.ones(3, requires_grad=True), torch.zeros(3)
        y[0] = x[0] * 2
        y[1:] = x[1:] * 3
        y[torch.tensor([2])] = 5.0
        y.sum().backward()
        x.grad, y
    """,
    "a write under no_grad": """
        x = torch.ones(3, requires_grad=True)
        with torch.no_grad():
            x[0] = 5
            x[x > 4] = 7.0
        x
    """,
    "reversed": "reversed(torch.arange(3)), reversed(torch.tensor(2))",
    "stacks": """
        x, y = torch.ones(2, 2, requires_grad=True), torch.zeros(2, 2)
        out = torch.stack([x, y, x * 2], dim=-1)
        (out * torch.arange(3.0)).sum().backward()
        out.shape, x.grad, torch.stack([torch.tensor(1), torch.tensor(2)]), torch.stack((y[0], y[1]), 1)
    """,
    "cats": """
        x = torch.ones(2, 2, requires_grad=True)
        out = torch.cat([x, x * 3, torch.zeros(1, 2)], 0)
        (out * out).sum().backward()
        out, x.grad, torch.cat([torch.tensor([]), torch.ones(2)]), torch.cat([torch.ones(1), torch.tensor([2])])
    """,
    "a cat of views": """
        x = torch.zeros(4)
        a, b = x[:2], x[2:]
        x += 1
        b *= 2
        torch.cat([a, b, x[::3]]), torch.stack([a, b])
    """,
    "a cat that does not fit": "torch.cat([torch.ones(2, 2), torch.ones(2, 3)], 0)",
    "a stack of nothing": "torch.stack([])",
    # ------------------------------------------------------------------ gradients
    "no_grad on a generator": """
        @torch.no_grad()
        def steps():
            try:
                got = yield torch.is_grad_enabled()
                yield got, torch.is_grad_enabled()
            except ValueError:
                yield torch.is_grad_enabled()
            return 5
        g = steps()
        first = next(g)
        between = torch.is_grad_enabled()
        sent = g.send(3)
        thrown = g.throw(ValueError())
        try:
            next(g)
        except StopIteration as end:
            last = end.value
        first, between, sent, thrown, last, torch.is_grad_enabled(), list(steps())
    """,
    "set_grad_enabled as a decorator": """
        @torch.set_grad_enabled(False)
        def f(x):
            return x * 2
        torch.is_grad_enabled(), f(torch.ones(1, requires_grad=True)).requires_grad, torch.is_grad_enabled()
    """,
    "inference_mode on a generator": """
        @torch.inference_mode()
        def steps():
            yield torch.is_inference_mode_enabled()
        list(steps()), torch.is_inference_mode_enabled()
    """,
    "a hook that changes the shape": """
        x = torch.ones(2, requires_grad=True)
        h = x.register_hook(lambda g: torch.zeros(3))
        (x * 3).sum().backward()
    """,
    "a gradient of another dtype": "setattr(torch.ones(2, requires_grad=True), 'grad', torch.ones(2, dtype=torch.float64))",
    "a complex loss": "(torch.tensor([1 + 1j], requires_grad=True) * 2).sum().backward()",
    "a complex loss of one element": "torch.autograd.grad(torch.ones(1, dtype=torch.cfloat, requires_grad=True) * 2, ())",
    # ------------------------------------------------------------------ out=
    "out": """
        x, y = torch.tensor([1.0, 2.0]), torch.empty(2)
        same = torch.add(x, x, out=y) is y
        V = torch.zeros(2, 2)
        torch.neg(x, out=V[1])
        z, v, i = torch.empty(0), torch.empty(0), torch.empty(0, dtype=torch.long)
        torch.cat([x, x], out=z)
        torch.max(torch.eye(2), 0, out=(v, i))
        d = torch.gt(x, 1, out=torch.zeros(2))
        same, y, V, z, v, i, d, torch.sum(V, 0, out=y), torch.mm(V, V, out=torch.empty(2, 2)), torch.clamp(x, 0, 1, out=x)
    """,
    "out of integers": "torch.add(torch.ones(2), 1, out=torch.zeros(2, dtype=torch.int64))",
    "out of what requires grad": "torch.add(torch.ones(2, requires_grad=True), torch.ones(2), out=torch.zeros(2))",
    "out that is no tensor": "torch.add(torch.ones(2), torch.ones(2), out=np.zeros(2))",
    # ------------------------------------------------------------------ random numbers
    "multinomial of nothing": "torch.multinomial(torch.zeros(3), 1)",
    "multinomial of a row of nothing": "torch.multinomial(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), 1)",
    "multinomial of NaN": "torch.multinomial(torch.tensor([1.0, float('nan')]), 1)",
    "multinomial of infinity": "torch.multinomial(torch.tensor([1.0, float('inf')]), 1)",
    "bernoulli of 2": "torch.bernoulli(torch.tensor([2.0]))",
    "bernoulli of NaN": "torch.bernoulli(torch.tensor([float('nan')]))",
    "bernoulli_ of tensors": "torch.empty(2).bernoulli_(torch.tensor([0.0, 1.5]))",
    "normal of a negative deviation": "torch.normal(0.0, -1.0, (2,))",
    "normal of negative deviations": "torch.normal(torch.zeros(2), torch.tensor([1.0, -1.0]))",
    # ------------------------------------------------------------------ data
    "collated strings": "data.default_collate([(1, 'a'), (2, 'b')]), data.default_collate([{'a': b'x'}, {'a': b'y'}])",
    "a loader changed later": "setattr(data.DataLoader([1, 2], batch_size=1), 'batch_size', 2)",
    "a loader shuffled later": "setattr(data.DataLoader([1, 2]), 'sampler', [0])",
    # ------------------------------------------------------------------ NumPy
    "saved by NumPy": """
        import io
        stream = io.BytesIO()
        np.save(stream, torch.arange(3))
        stream.seek(0)
        np.load(stream).tolist(), np.random.RandomState(0).permutation(torch.arange(4)).tolist()
    """,
    "a NumPy number on the left": """
        i, x = torch.tensor([1]), torch.ones(1)
        [y.dtype for y in (np.float64(2) - i, np.float64(2) * x, i * np.float64(2), np.float32(2) ** i, i + np.int8(1))]
    """,
    # ------------------------------------------------------------------ files
    "streams and places": """
        import io
        stream = io.BytesIO()
        torch.save({'w': torch.arange(3), 'epoch': 2}, stream)
        content = stream.getvalue()
        [torch.load(io.BytesIO(content), **how) for how in (
            {}, {'map_location': 'cpu'}, {'map_location': torch.device('cpu'), 'weights_only': True},
            {'weights_only': False},
        )]
    """,
}
