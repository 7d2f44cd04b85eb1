"""The models once more, as PyTorch functions of a state dict: nothing but its names says what belongs where.

`training` uses and updates the statistics in the state dict.
"""

from __future__ import annotations

from itertools import count

import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional


def _norm(p, name, x, training):
    mean, var = p[f"{name}.running_mean"], p[f"{name}.running_var"]
    p[f"{name}.num_batches_tracked"] += training
    return F.batch_norm(x, mean, var, p[f"{name}.weight"], p[f"{name}.bias"], training)


def _linear(p, name, x):
    return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])


def _layer_norm(p, name, x, eps):
    return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], eps)


def lenet(p, x, training):
    x = F.avg_pool2d(torch.tanh(F.conv2d(x, p["conv1.weight"], p["conv1.bias"], padding=2)), 2)
    x = F.avg_pool2d(torch.tanh(F.conv2d(x, p["conv2.weight"], p["conv2.bias"])), 2)
    x = torch.tanh(_linear(p, "fc1", x.flatten(1)))
    return _linear(p, "fc3", torch.tanh(_linear(p, "fc2", x)))


def mlp(p, x, training):
    x = F.relu(_norm(p, "1", _linear(p, "0", x), training))
    return _linear(p, "4", x)


def resnet(p, x, training, groups=1):
    x = F.relu(_norm(p, "bn1", F.conv2d(x, p["conv1.weight"], stride=2, padding=3), training))
    x = F.max_pool2d(x, 3, stride=2, padding=1)
    for stage in range(1, 5):
        for i in count():
            block = f"layer{stage}.{i}"
            if f"{block}.conv1.weight" not in p:
                break
            x = _residual(p, block, x, 2 if stage > 1 and i == 0 else 1, groups, training)
    return _linear(p, "fc", x.mean((2, 3)))


def _residual(p, block, x, stride, groups, training):
    convolutions = [n for n in (1, 2, 3) if f"{block}.conv{n}.weight" in p]
    strided = convolutions[-2]  # the first of two, the second of three
    out = x
    for n in convolutions:
        weight = p[f"{block}.conv{n}.weight"]
        out = F.conv2d(out, weight, stride=stride if n == strided else 1, padding=weight.shape[-1] // 2,
                       groups=groups if n == 2 else 1)  # fmt: skip
        out = _norm(p, f"{block}.bn{n}", out, training)
        out = F.relu(out) if n != convolutions[-1] else out
    if f"{block}.downsample.0.weight" in p:
        x = F.conv2d(x, p[f"{block}.downsample.0.weight"], stride=stride)
        x = _norm(p, f"{block}.downsample.1", x, training)
    return F.relu(out + x)


def vgg(p, x, training, pools=(2, 5)):
    """`pools` are the places in `features` where the image is halved; the last layer is one."""
    for i in range(max(pools) + 1):
        weight = p.get(f"features.{i}.weight")
        if weight is None:
            x = F.max_pool2d(x, 2) if i in pools else F.relu(x)
        elif weight.ndim == 4:
            x = F.conv2d(x, weight, p[f"features.{i}.bias"], padding=1)
        else:
            x = _norm(p, f"features.{i}", x, training)
    x = F.adaptive_avg_pool2d(x, (7, 7)).flatten(1)
    for i in (0, 3):
        x = F.relu(_linear(p, f"classifier.{i}", x))
    return _linear(p, "classifier.6", x)


def _heads(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def vit(p, x, training, heads=2):
    weight = p["conv_proj.weight"]
    x = F.conv2d(x, weight, p["conv_proj.bias"], stride=weight.shape[-1]).flatten(2).mT
    x = torch.cat([p["class_token"].expand(len(x), -1, -1), x], 1) + p["encoder.pos_embedding"]
    for i in count():
        name = f"encoder.layers.encoder_layer_{i}"
        if f"{name}.ln_1.weight" not in p:
            break
        y = _layer_norm(p, f"{name}.ln_1", x, 1e-6)
        attention = f"{name}.self_attention"
        y, _ = F.multi_head_attention_forward(
            *[y.transpose(0, 1)] * 3, y.shape[-1], heads, p[f"{attention}.in_proj_weight"],
            p[f"{attention}.in_proj_bias"], None, None, False, 0.0, p[f"{attention}.out_proj.weight"],
            p[f"{attention}.out_proj.bias"], need_weights=False,
        )  # fmt: skip
        x = x + y.transpose(0, 1)
        y = _layer_norm(p, f"{name}.ln_2", x, 1e-6)
        x = x + _linear(p, f"{name}.mlp.3", F.gelu(_linear(p, f"{name}.mlp.0", y)))
    x = _layer_norm(p, "encoder.ln", x, 1e-6)[:, 0]
    if "heads.pre_logits.weight" in p:
        x = torch.tanh(_linear(p, "heads.pre_logits", x))
    return _linear(p, "heads.head", x)


def gpt2(p, tokens, training, heads=2):
    def affine(name, x):
        return x @ p[f"{name}.weight"] + p[f"{name}.bias"]

    length = tokens.shape[1]
    hidden = torch.triu(torch.full((length, length), float("-inf")), 1)
    x = p["transformer.wte.weight"][tokens] + p["transformer.wpe.weight"][:length]
    for i in count():
        name = f"transformer.h.{i}"
        if f"{name}.ln_1.weight" not in p:
            break
        joint = affine(f"{name}.attn.c_attn", _layer_norm(p, f"{name}.ln_1", x, 1e-5))
        query, key, value = (_heads(part, heads) for part in joint.chunk(3, -1))
        weights = torch.softmax(query @ key.mT / query.shape[-1] ** 0.5 + hidden, -1)
        x = x + affine(f"{name}.attn.c_proj", (weights @ value).transpose(1, 2).flatten(2))
        y = affine(f"{name}.mlp.c_fc", _layer_norm(p, f"{name}.ln_2", x, 1e-5))
        y = 0.5 * y * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (y + 0.044715 * y**3)))
        x = x + affine(f"{name}.mlp.c_proj", y)
    return _layer_norm(p, "transformer.ln_f", x, 1e-5) @ p["lm_head.weight"].T
