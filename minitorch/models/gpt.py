"""GPT-2, with Hugging Face's parameter names.

"Language Models are Unsupervised Multitask Learners", Radford et al., 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import nn
from ..core.errors import ArgumentError
from ..nn import functional as F
from ..tensor.creation import arange, full, zeros
from ..tensor.functions import cat, where
from ..tensor.modes import no_grad
from ..tensor.random import multinomial
from .variants import renamed, variant

Cache = tuple[tuple[Any, Any], ...]  # the keys and values of each layer, [N, heads, places, channels of a head]

_ACTIVATIONS = {
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu": F.gelu,
    "relu": F.relu,
    "silu": F.silu,
    "tanh": F.tanh,
}


@dataclass(frozen=True)
class GPT2Config:
    """Sizes of a GPT-2, under Hugging Face's names; the defaults are those of the small one.

    >>> GPT2Config(n_layer=2, n_head=4, n_embd=64).inner
    256
    """

    vocab_size: int = 50257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_inner: int | None = None
    activation_function: str = "gelu_new"
    resid_pdrop: float = 0.1
    embd_pdrop: float = 0.1
    attn_pdrop: float = 0.1
    layer_norm_epsilon: float = 1e-5
    initializer_range: float = 0.02

    def __post_init__(self) -> None:
        if self.n_embd % self.n_head:
            raise ArgumentError(
                f"GPT2Config: n_head={self.n_head} heads cannot share n_embd={self.n_embd} channels evenly; change one"
            )
        if self.activation_function not in _ACTIVATIONS:
            raise ArgumentError(
                f"GPT2Config: activation_function={self.activation_function!r} is unknown; use one of "
                f"{', '.join(_ACTIVATIONS)}"
            )

    @property
    def inner(self) -> int:
        """The width of the perceptrons."""
        return 4 * self.n_embd if self.n_inner is None else self.n_inner


class Conv1D(nn.Module):
    """The affine map `x @ weight + bias`, for `weight [inputs, outputs]`: a Linear with its weight transposed."""

    def __init__(self, outputs: int, inputs: int, std: float):
        super().__init__()
        self.weight = nn.Parameter(nn.init.normal_(zeros(inputs, outputs), std=std))
        self.bias = nn.Parameter(zeros(outputs))

    def forward(self, x: Any) -> Any:
        """Apply the map."""
        return F.linear(x, self.weight.t(), self.bias)


class GPT2Attention(nn.Module):
    """Attention of each place to itself and those before it."""

    def __init__(self, config: GPT2Config):
        super().__init__()
        self.heads, self.dropout = config.n_head, config.attn_pdrop
        self.c_attn = Conv1D(3 * config.n_embd, config.n_embd, config.initializer_range)
        self.c_proj = Conv1D(config.n_embd, config.n_embd, config.initializer_range / (2 * config.n_layer) ** 0.5)
        self.resid_dropout = nn.Dropout(config.resid_pdrop)

    def forward(self, x: Any, past: tuple[Any, Any] | None) -> tuple[Any, tuple[Any, Any]]:
        """Return what each place has gathered, and the keys and values of all places so far."""
        n, length, width = x.shape
        query, key, value = self.c_attn(x).reshape(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if past is not None:
            key, value = cat([past[0], key], dim=2), cat([past[1], value], dim=2)
        before = key.shape[2] - length
        # `is_causal` aligns the first query with the first key, so queries that follow a cache need their own mask.
        mask = arange(before + length) <= arange(before, before + length)[:, None] if before and length > 1 else None
        dropout = self.dropout if self.training else 0.0
        out = F.scaled_dot_product_attention(query, key, value, mask, dropout, is_causal=not before)
        return self.resid_dropout(self.c_proj(out.transpose(1, 2).reshape(n, length, width))), (key, value)


class GPT2MLP(nn.Module):
    """The perceptron at each place."""

    def __init__(self, config: GPT2Config):
        super().__init__()
        self.activation = config.activation_function
        self.c_fc = Conv1D(config.inner, config.n_embd, config.initializer_range)
        self.c_proj = Conv1D(config.n_embd, config.inner, config.initializer_range / (2 * config.n_layer) ** 0.5)
        self.dropout = nn.Dropout(config.resid_pdrop)

    def forward(self, x: Any) -> Any:
        """Apply it."""
        return self.dropout(self.c_proj(_ACTIVATIONS[self.activation](self.c_fc(x))))


class GPT2Block(nn.Module):
    """Attention, then the perceptron; both see a normalized input, and are added to it."""

    def __init__(self, config: GPT2Config):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.attn = GPT2Attention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.mlp = GPT2MLP(config)

    def forward(self, x: Any, past: tuple[Any, Any] | None) -> tuple[Any, tuple[Any, Any]]:
        """Return the sequence after the block, and the keys and values of all places so far."""
        gathered, present = self.attn(self.ln_1(x), past)
        x = x + gathered
        return x + self.mlp(self.ln_2(x)), present


class GPT2Model(nn.Module):
    """The transformer without its head: maps tokens `[N, L]` to `[N, L, n_embd]`.

    >>> from minitorch.tensor.creation import tensor
    >>> model = GPT2Model(GPT2Config(vocab_size=11, n_positions=8, n_embd=16, n_layer=1, n_head=2))
    >>> hidden, cache = model(tensor([[1, 2, 3]]))
    >>> hidden.shape, len(cache)
    ((1, 3, 16), 1)
    """

    def __init__(self, config: GPT2Config):
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_positions, config.n_embd)
        self.drop = nn.Dropout(config.embd_pdrop)
        self.h = nn.ModuleList([GPT2Block(config) for _ in range(config.n_layer)])
        self.ln_f = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        for table in (self.wte, self.wpe):
            nn.init.normal_(table.weight, std=config.initializer_range)

    def forward(self, input_ids: Any, past_key_values: Cache | None = None) -> tuple[Any, Cache]:
        """Return the sequence after the last block, and the keys and values of all places so far."""
        before = 0 if past_key_values is None else past_key_values[0][0].shape[2]
        end = before + input_ids.shape[-1]
        if end > self.config.n_positions:
            raise ArgumentError(
                f"GPT2Model: a sequence of {end} tokens is longer than n_positions={self.config.n_positions}; cut it"
            )
        x = self.drop(self.wte(input_ids) + self.wpe(arange(before, end)))
        presents = []
        for i, block in enumerate(self.h):
            x, present = block(x, None if past_key_values is None else past_key_values[i])
            presents.append(present)
        return self.ln_f(x), tuple(presents)


class CausalOutput(NamedTuple):
    """What a language model returns; `loss` is None where no labels were given."""

    loss: Any
    logits: Any
    past_key_values: Cache


class GPT2LMHeadModel(nn.Module):
    """GPT-2 as a language model; the matrix of its head is that of the token embedding.

    >>> from minitorch.tensor.creation import tensor
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=11, n_positions=8, n_embd=16, n_layer=1, n_head=2)).eval()
    >>> model(tensor([[1, 2, 3]])).logits.shape
    (1, 3, 11)
    >>> model.generate(tensor([[1, 2, 3]]), max_new_tokens=4).shape
    (1, 7)
    """

    def __init__(self, config: GPT2Config):
        super().__init__()
        self.config = config
        self.transformer = GPT2Model(config)
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self._tie()

    def _tie(self) -> None:
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, input_ids: Any, past_key_values: Cache | None = None, labels: Any = None) -> CausalOutput:
        """Return the logits `[N, L, vocab_size]` of the token after each place, and the cache for those that follow.

        With `labels`, which are the tokens themselves, the loss is the mean cross-entropy of each token given those
        before it; labels of -100 do not count.
        """
        hidden, cache = self.transformer(input_ids, past_key_values)
        logits = self.lm_head(hidden)
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return CausalOutput(loss, logits, cache)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Take a state dict; also as published, without the prefix `transformer.`, without the head, with masks."""
        state = renamed(state_dict, _name_today)
        if isinstance(state, dict) and "transformer.wte.weight" in state:
            state.setdefault("lm_head.weight", state["transformer.wte.weight"])
        found = super().load_state_dict(state, strict, assign)
        self._tie()
        return found

    def generate(
        self,
        input_ids: Any,
        max_new_tokens: int,
        temperature: float = 0.0,
        top_k: int | None = None,
        eos_token_id: int | None = None,
        generator: Any = None,
    ) -> Any:
        """Return the tokens `[N, L]` and up to `max_new_tokens` more, drawn from the model's distribution.

        Logits are divided by `temperature`; at 0 the most probable token is taken. Only the `top_k` most probable take
        part. A row that has drawn `eos_token_id` goes on with it, and all end once each has. Call `eval()` before, or
        dropout takes part too.
        """
        longest = input_ids.shape[1] + max_new_tokens
        if not 0 < input_ids.shape[1] < longest <= self.config.n_positions or temperature < 0:
            raise ArgumentError(
                f"generate: {input_ids.shape[1]} tokens and max_new_tokens={max_new_tokens} at temperature={temperature}: "
                f"there must be some of both, at most n_positions={self.config.n_positions} together, and no negative "
                "temperature"
            )
        tokens, new, cache = input_ids, input_ids, None
        finished = full((input_ids.shape[0], 1), False)
        with no_grad():
            while tokens.shape[1] < longest and not bool(finished.all()):
                _, logits, cache = self(new, cache)
                new = _drawn(logits[:, -1], temperature, top_k, generator)
                if eos_token_id is not None:
                    new = where(finished, eos_token_id, new)
                    finished = new == eos_token_id
                tokens = cat([tokens, new], dim=1)
        return tokens


def _name_today(name: str) -> str | None:
    if name.endswith((".attn.bias", ".attn.masked_bias")):
        return None
    return name if name.startswith(("transformer.", "lm_head.")) else f"transformer.{name}"


def _drawn(logits: Any, temperature: float, top_k: int | None, generator: Any) -> Any:
    """Return one token for each row of logits, `[N, 1]`."""
    if temperature == 0:
        return logits.argmax(dim=-1, keepdim=True)
    if top_k is not None:
        least = logits.topk(min(top_k, logits.shape[-1]), dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < least, float("-inf"))
    return multinomial(F.softmax(logits / temperature, dim=-1), 1, generator=generator)


def _gpt2(name: str, text: str, width: int, layers: int, heads: int) -> Any:
    def make(**options: Any) -> GPT2LMHeadModel:
        return GPT2LMHeadModel(GPT2Config(**{"n_embd": width, "n_layer": layers, "n_head": heads, **options}))

    return variant(name, text, make)


gpt2 = _gpt2(
    "gpt2",
    """GPT-2 (small): 124,439,808 parameters.

    >>> small = gpt2(n_layer=1, n_embd=24, vocab_size=100)
    >>> small(mt.tensor([[1, 2, 3]])).logits.shape
    (1, 3, 100)
    """,
    768, 12, 12,
)  # fmt: skip
gpt2_medium = _gpt2(
    "gpt2_medium",
    """GPT-2 Medium: 354,823,168 parameters.

    >>> small = gpt2_medium(n_embd=32, vocab_size=100)
    >>> len(small.transformer.h), small.transformer.h[0].attn.heads
    (24, 16)
    """,
    1024, 24, 16,
)  # fmt: skip
gpt2_large = _gpt2(
    "gpt2_large",
    """GPT-2 Large: 774,030,080 parameters.

    >>> small = gpt2_large(n_embd=40, vocab_size=100)
    >>> len(small.transformer.h), small.transformer.h[0].attn.heads
    (36, 20)
    """,
    1280, 36, 20,
)  # fmt: skip
gpt2_xl = _gpt2(
    "gpt2_xl",
    """GPT-2 XL: 1,557,611,200 parameters.

    >>> small = gpt2_xl(n_embd=50, vocab_size=100)
    >>> len(small.transformer.h), small.transformer.h[0].attn.heads
    (48, 25)
    """,
    1600, 48, 25,
)  # fmt: skip
