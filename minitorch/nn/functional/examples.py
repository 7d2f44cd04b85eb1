"""Examples of the functions that are made by others, by name: for 1, 2 and 3 dimensions, or to write to the input.

Their docstrings end with these.
"""

EXAMPLES = {
    "conv1d": """
    >>> conv1d(mt.tensor([[1.0, 2.0, 4.0, 8.0]]), mt.tensor([[[-1.0, 1.0]]]))
    tensor([[1., 2., 4.]])
    >>> conv1d(mt.tensor([[1.0, 2.0, 4.0, 8.0]]), mt.tensor([[[-1.0, 1.0]]]), mt.tensor([10.0]), stride=2, padding=1)
    tensor([[11., 12.,  2.]])
    """,
    "conv2d": """
    >>> conv2d(mt.arange(9.0).reshape(1, 3, 3), mt.ones(1, 1, 2, 2))
    tensor([[[ 8., 12.],
             [20., 24.]]])
    >>> conv2d(mt.ones(2, 8, 5, 5), mt.ones(6, 4, 3, 3), stride=2, padding=1, groups=2).shape
    (2, 6, 3, 3)
    """,
    "conv3d": """
    >>> conv3d(mt.ones(1, 2, 2, 3), mt.ones(1, 1, 2, 2, 2))
    tensor([[[[8., 8.]]]])
    >>> conv3d(mt.ones(2, 3, 4, 5, 6), mt.ones(8, 3, 1, 2, 3)).shape
    (2, 8, 4, 4, 4)
    """,
    "conv_transpose1d": """
    >>> conv_transpose1d(mt.tensor([[1.0, 10.0]]), mt.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[ 1., 12., 23., 30.]])
    >>> conv_transpose1d(mt.tensor([[1.0, 10.0]]), mt.tensor([[[1.0, 2.0, 3.0]]]), stride=2)
    tensor([[ 1.,  2., 13., 20., 30.]])
    """,
    "conv_transpose2d": """
    >>> conv_transpose2d(mt.tensor([[[1.0, 10.0]]]), mt.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    tensor([[[ 1., 12., 20.],
             [ 3., 34., 40.]]])
    >>> conv_transpose2d(mt.ones(2, 8, 5, 5), mt.ones(8, 6, 3, 3), stride=2, padding=1, output_padding=1).shape
    (2, 6, 10, 10)
    """,
    "conv_transpose3d": """
    >>> conv_transpose3d(mt.tensor([[[[1.0, 10.0]]]]), mt.tensor([[[[[1.0, 2.0]]]]]))
    tensor([[[[ 1., 12., 20.]]]])
    >>> conv_transpose3d(mt.ones(2, 8, 3, 4, 5), mt.ones(8, 6, 2, 2, 2), stride=2).shape
    (2, 6, 6, 8, 10)
    """,
    "max_pool1d": """
    >>> max_pool1d(mt.tensor([[1.0, 3.0, 2.0, 0.0, 5.0]]), 2)
    tensor([[3., 2.]])
    >>> max_pool1d(mt.tensor([[1.0, 3.0, 2.0, 0.0, 5.0]]), 2, ceil_mode=True)
    tensor([[3., 2., 5.]])
    """,
    "max_pool2d": """
    >>> x = mt.tensor([[[1.0, 3.0, 2.0, 0.0], [4.0, 2.0, 1.0, 5.0]]])
    >>> max_pool2d(x, 2)
    tensor([[[4., 5.]]])
    >>> max_pool2d(x, 2, stride=1)
    tensor([[[4., 3., 5.]]])
    """,
    "max_pool3d": """
    >>> max_pool3d(mt.arange(16.0).reshape(1, 2, 2, 4), 2)
    tensor([[[[13., 15.]]]])
    """,
    "avg_pool1d": """
    >>> avg_pool1d(mt.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    >>> avg_pool1d(mt.tensor([[1.0, 3.0, 2.0, 0.0]]), 2, padding=1, count_include_pad=False)
    tensor([[1.0000, 2.5000, 0.0000]])
    """,
    "avg_pool2d": """
    >>> x = mt.tensor([[[1.0, 3.0, 2.0, 0.0], [4.0, 2.0, 1.0, 5.0]]])
    >>> avg_pool2d(x, 2)
    tensor([[[2.5000, 2.0000]]])
    >>> avg_pool2d(x, (1, 2), divisor_override=1)
    tensor([[[4., 2.],
             [6., 6.]]])
    """,
    "avg_pool3d": """
    >>> avg_pool3d(mt.arange(16.0).reshape(1, 2, 2, 4), 2)
    tensor([[[[6.5000, 8.5000]]]])
    """,
    "adaptive_avg_pool1d": """
    >>> adaptive_avg_pool1d(mt.tensor([[0.0, 2.0, 4.0, 6.0, 8.0]]), 2)
    tensor([[2., 6.]])
    """,
    "adaptive_avg_pool2d": """
    >>> adaptive_avg_pool2d(mt.arange(8.0).reshape(1, 2, 4), (None, 2))
    tensor([[[0.5000, 2.5000],
             [4.5000, 6.5000]]])
    >>> adaptive_avg_pool2d(mt.arange(8.0).reshape(1, 2, 4), 1)
    tensor([[[3.5000]]])
    """,
    "adaptive_avg_pool3d": """
    >>> adaptive_avg_pool3d(mt.arange(8.0).reshape(1, 2, 2, 2), (1, 1, 2))
    tensor([[[[3., 4.]]]])
    """,
    "adaptive_max_pool1d": """
    >>> adaptive_max_pool1d(mt.tensor([[0.0, 9.0, 4.0, 6.0, 8.0]]), 2)
    tensor([[9., 8.]])
    >>> adaptive_max_pool1d(mt.tensor([[0.0, 9.0, 4.0, 6.0, 8.0]]), 2, return_indices=True)[1]
    tensor([[1, 4]])
    """,
    "adaptive_max_pool2d": """
    >>> adaptive_max_pool2d(mt.arange(8.0).reshape(1, 2, 4), (None, 2))
    tensor([[[1., 3.],
             [5., 7.]]])
    >>> adaptive_max_pool2d(mt.arange(8.0).reshape(1, 2, 4), 1)
    tensor([[[7.]]])
    """,
    "adaptive_max_pool3d": """
    >>> adaptive_max_pool3d(mt.arange(8.0).reshape(1, 2, 2, 2), (1, 1, 2))
    tensor([[[[6., 7.]]]])
    """,
    "lp_pool1d": """
    >>> lp_pool1d(mt.tensor([[3.0, 4.0, 6.0, 8.0]]), 2, 2)
    tensor([[ 5., 10.]])
    """,
    "lp_pool2d": """
    >>> lp_pool2d(mt.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]), 1, 2, stride=1)
    tensor([[[12., 16.]]])
    >>> lp_pool2d(mt.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]), float("inf"), 2, stride=1)
    tensor([[[5., 6.]]])
    """,
    "lp_pool3d": """
    >>> lp_pool3d(mt.tensor([[[[3.0, 4.0]]]]), 2, (1, 1, 2))
    tensor([[[[5.]]]])
    """,
    "fractional_max_pool2d": """
    >>> samples = mt.tensor([[[0.5, 0.5]]])
    >>> fractional_max_pool2d(mt.arange(25.0).reshape(1, 1, 5, 5), 2, output_size=3, _random_samples=samples)
    tensor([[[[ 6.,  8.,  9.],
              [16., 18., 19.],
              [21., 23., 24.]]]])
    >>> fractional_max_pool2d(mt.ones(1, 8, 8), 2, output_ratio=(0.5, 0.25)).shape
    (1, 4, 2)
    """,
    "fractional_max_pool3d": """
    >>> fractional_max_pool3d(mt.ones(1, 4, 8, 8), 2, output_size=(2, 3, 4)).shape
    (1, 2, 3, 4)
    """,
    "adaptive_max_pool1d_with_indices": """
    >>> adaptive_max_pool1d_with_indices(mt.tensor([[0.0, 9.0, 4.0, 6.0]]), 2)
    (tensor([[9., 6.]]), tensor([[1, 3]]))
    """,
    "adaptive_max_pool2d_with_indices": """
    >>> adaptive_max_pool2d_with_indices(mt.tensor([[[0.0, 9.0], [4.0, 6.0]]]), 1)
    (tensor([[[9.]]]), tensor([[[1]]]))
    """,
    "adaptive_max_pool3d_with_indices": """
    >>> adaptive_max_pool3d_with_indices(mt.tensor([[[[0.0, 9.0], [4.0, 6.0]]]]), (1, 2, 1))
    (tensor([[[[9.],
              [6.]]]]), tensor([[[[1],
              [3]]]]))
    """,
    "fractional_max_pool2d_with_indices": """
    >>> values, places = fractional_max_pool2d_with_indices(mt.arange(16.0).reshape(1, 4, 4), 2, output_size=2)
    >>> (values == places).all()
    tensor(True)
    """,
    "fractional_max_pool3d_with_indices": """
    >>> values, places = fractional_max_pool3d_with_indices(mt.arange(64.0).reshape(1, 4, 4, 4), 2, output_size=2)
    >>> (values == places).all()
    tensor(True)
    """,
    "max_pool1d_with_indices": """
    >>> max_pool1d_with_indices(mt.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    (tensor([[3., 2.]]), tensor([[1, 2]]))
    """,
    "max_pool2d_with_indices": """
    >>> max_pool2d_with_indices(mt.tensor([[[1.0, 3.0, 2.0, 0.0], [4.0, 2.0, 1.0, 5.0]]]), 2)
    (tensor([[[4., 5.]]]), tensor([[[4, 7]]]))
    """,
    "max_pool3d_with_indices": """
    >>> max_pool3d_with_indices(mt.tensor([[[[1.0, 3.0, 2.0, 0.0]]]]), (1, 1, 2))
    (tensor([[[[3., 2.]]]]), tensor([[[[1, 2]]]]))
    """,
    "max_unpool1d": """
    >>> max_unpool1d(mt.tensor([[3.0, 2.0]]), mt.tensor([[1, 2]]), 2)
    tensor([[0., 3., 2., 0.]])
    >>> max_unpool1d(mt.tensor([[3.0, 2.0]]), mt.tensor([[1, 2]]), 2, output_size=(5,))
    tensor([[0., 3., 2., 0., 0.]])
    """,
    "max_unpool2d": """
    >>> max_unpool2d(mt.tensor([[[4.0, 5.0]]]), mt.tensor([[[4, 7]]]), 2)
    tensor([[[0., 0., 0., 0.],
             [4., 0., 0., 5.]]])
    """,
    "max_unpool3d": """
    >>> max_unpool3d(mt.tensor([[[[3.0, 2.0]]]]), mt.tensor([[[[1, 2]]]]), (1, 1, 2))
    tensor([[[[0., 3., 2., 0.]]]])
    """,
    "relu_": """
    >>> x = mt.tensor([-1.0, 2.0])
    >>> relu_(x) is x, x
    (True, tensor([0., 2.]))
    """,
    "elu_": """
    >>> x = mt.tensor([-100.0, 2.0])
    >>> elu_(x, alpha=0.5) is x, x
    (True, tensor([-0.5000,  2.0000]))
    """,
    "selu_": """
    >>> x = mt.tensor([-100.0, 1.0])
    >>> selu_(x) is x, x
    (True, tensor([-1.7581,  1.0507]))
    """,
    "celu_": """
    >>> x = mt.tensor([-100.0, 2.0])
    >>> celu_(x, alpha=0.5) is x, x
    (True, tensor([-0.5000,  2.0000]))
    """,
    "leaky_relu_": """
    >>> x = mt.tensor([-1.0, 2.0])
    >>> leaky_relu_(x, 0.5) is x, x
    (True, tensor([-0.5000,  2.0000]))
    """,
    "rrelu_": """
    >>> x = mt.tensor([-1.0, 2.0])
    >>> rrelu_(x, 0.25, 0.75) is x, x
    (True, tensor([-0.5000,  2.0000]))
    """,
    "hardtanh_": """
    >>> x = mt.tensor([-3.0, 0.5, 3.0])
    >>> hardtanh_(x, -1.0, 2.0) is x, x
    (True, tensor([-1.0000,  0.5000,  2.0000]))
    """,
    "threshold_": """
    >>> x = mt.tensor([0.5, 1.0, 3.0])
    >>> threshold_(x, 1.0, -7.0) is x, x
    (True, tensor([-7., -7.,  3.]))
    """,
    "dropout_": """
    >>> x = mt.ones(3)
    >>> mt.dropout_(x, 1.0, train=True) is x, x
    (True, tensor([0., 0., 0.]))
    """,
    "alpha_dropout_": """
    >>> x = mt.ones(3)
    >>> mt.alpha_dropout_(x, 0.5, train=True) is x
    True
    """,
    "feature_dropout_": """
    >>> x = mt.ones(8, 2)
    >>> mt.feature_dropout_(x, 1.0, train=True) is x, x.sum()
    (True, tensor(0.))
    """,
    "feature_alpha_dropout_": """
    >>> x = mt.ones(1, 2, 3)
    >>> mt.feature_alpha_dropout_(x, 0.5, train=True) is x, (x == x[:, :, :1]).all()
    (True, tensor(True))
    """,
}
