"""Sixty small modules of all kinds of layers; equal dimensions on purpose, because converters guess wrong there."""

from __future__ import annotations

from tests.support.torch_tools import torch

# What litert-torch or TFLM does not do, and the words in which it is refused.
REFUSED = {
    "upnear_bad": "upsample_nearest2d of module '1' incorrectly",
    "gmax": "adaptive_max_pool2d",
}
# What no TFLM has in int8.
FLOAT_ONLY = ("argmax", "logsoft")
# What becomes a table of 256 bytes.
TABLES = ("gelu", "mish", "elu", "selu", "softplus")


def modules():
    """Return modules in eval mode by name, each with the shape of its input, without the batch."""
    torch_ = torch()
    nn, F = torch_.nn, torch_.nn.functional

    class L(nn.Module):
        """Layers by name, and what is done with them."""

        def __init__(self, f, **layers):
            super().__init__()
            self.f = f
            for name, layer in layers.items():
                setattr(self, name, layer)

        def forward(self, *x):
            return self.f(self, *x)

    S, C = nn.Sequential, nn.Conv2d
    torch_.manual_seed(0)
    made = {
        "mlp": (S(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3)), (8,)),
        "conv": (
            S(
                C(3, 8, 3, padding=1),
                nn.BatchNorm2d(8),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
                nn.Flatten(),
                nn.Linear(8 * 16, 4),
            ),
            (3, 8, 8),
        ),
        "conv_nhw_same": (S(C(8, 8, 3, padding=1), nn.ReLU(), C(8, 8, 3, padding=1)), (8, 8, 8)),
        "seg_softmax": (S(C(3, 8, 3, padding=1), nn.ReLU6(), C(8, 4, 1), nn.Softmax(1)), (3, 8, 8)),
        "conv1d": (
            S(
                nn.Conv1d(4, 8, 3, padding=1),
                nn.BatchNorm1d(8),
                nn.ReLU(),
                nn.MaxPool1d(2),
                nn.Conv1d(8, 4, 3),
                nn.AdaptiveAvgPool1d(1),
                nn.Flatten(),
                nn.Linear(4, 2),
            ),
            (4, 16),
        ),
        "conv1d_same": (S(nn.Conv1d(16, 16, 3, padding=1), nn.ReLU()), (16, 16)),
        "causal": (L(lambda s, x: s.c(F.pad(x, (4, 0))), c=nn.Conv1d(4, 6, 3, dilation=2)), (4, 16)),
        "deconv": (S(C(3, 4, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(4, 3, 2, 2)), (3, 8, 8)),
        "upnear": (S(C(3, 4, 3, padding=1), nn.Upsample(scale_factor=2), C(4, 2, 1)), (3, 6, 6)),
        "upbil": (S(C(3, 4, 3, padding=1), nn.Upsample(scale_factor=2, mode="bilinear"), C(4, 2, 1)), (3, 6, 6)),
        "upbil_ac": (
            S(C(3, 4, 3, padding=1), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), C(4, 2, 1)),
            (3, 6, 6),
        ),
        "upnear_bad": (S(C(3, 4, 3, padding=1), nn.Upsample(size=(9, 9)), C(4, 2, 1)), (3, 6, 6)),
        "se": (
            L(
                lambda s, x: (lambda y: y * torch_.sigmoid(s.b(F.relu(s.a(y.mean((2, 3)))))).view(1, 8, 1, 1))(s.c(x)),
                c=C(3, 8, 3, padding=1),
                a=nn.Linear(8, 4),
                b=nn.Linear(4, 8),
            ),
            (3, 8, 8),
        ),
        "shuffle": (S(C(3, 8, 3, padding=1), nn.ChannelShuffle(2), C(8, 4, 1)), (3, 8, 8)),
        "shuffle_view": (
            L(
                lambda s, x: s.c(s.a(x).view(1, 2, 4, 8, 8).transpose(1, 2).reshape(1, 8, 8, 8)),
                a=C(3, 8, 1),
                c=C(8, 4, 3),
            ),
            (3, 8, 8),
        ),
        "pixshuf": (S(C(3, 8, 3, padding=1), nn.PixelShuffle(2)), (3, 8, 8)),
        "mha": (
            L(lambda s, x: s.m(x, x, x, need_weights=False)[0], m=nn.MultiheadAttention(8, 2, batch_first=True)),
            (8, 8),
        ),
        "tx": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="relu"), (8, 8)),
        "ln": (S(nn.Linear(8, 8), nn.LayerNorm(8)), (8,)),
        "ln_tok": (S(nn.LayerNorm(8), nn.Linear(8, 8)), (8, 8)),
        "mixer": (L(lambda s, x: x + s.t(x.transpose(1, 2)).transpose(1, 2), t=nn.Linear(8, 8)), (8, 8)),
        "gelu": (S(nn.Linear(8, 8), nn.GELU()), (8,)),
        "silu": (S(nn.Linear(8, 8), nn.SiLU()), (8,)),
        "mish": (S(nn.Linear(8, 8), nn.Mish()), (8,)),
        "elu": (S(nn.Linear(8, 8), nn.ELU()), (8,)),
        "selu": (S(nn.Linear(8, 8), nn.SELU()), (8,)),
        "softplus": (S(nn.Linear(8, 8), nn.Softplus()), (8,)),
        "prelu": (S(C(3, 4, 3), nn.PReLU(4)), (3, 8, 8)),
        "lrelu": (S(nn.Linear(8, 8), nn.LeakyReLU(0.1)), (8,)),
        "hsw": (S(C(3, 4, 3), nn.Hardswish(), C(4, 4, 1), nn.Hardsigmoid()), (3, 8, 8)),
        "tanh": (S(nn.Linear(8, 8), nn.Tanh()), (8,)),
        "inorm": (S(C(3, 4, 3), nn.InstanceNorm2d(4, affine=True), nn.ReLU()), (3, 8, 8)),
        "gnorm": (S(C(3, 4, 3), nn.GroupNorm(2, 4)), (3, 8, 8)),
        "avg": (S(C(3, 4, 3, padding=1), nn.AvgPool2d(2)), (3, 8, 8)),
        "avgpad": (S(C(3, 4, 3, padding=1), nn.AvgPool2d(3, 1, 1)), (3, 8, 8)),
        "aap2": (S(C(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(2)), (3, 8, 8)),
        "maxpad": (S(C(3, 4, 3, padding=1), nn.MaxPool2d(3, 2, 1)), (3, 8, 8)),
        "gmax": (S(C(3, 4, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten()), (3, 8, 8)),
        "lstm": (L(lambda s, x: s.l(x)[0][:, -1], l=nn.LSTM(4, 8, batch_first=True)), (16, 4)),
        "gru": (L(lambda s, x: s.l(x)[0], l=nn.GRU(4, 8, batch_first=True)), (16, 4)),
        "rnn": (L(lambda s, x: s.l(x)[0][:, -1], l=nn.RNN(4, 8, batch_first=True)), (16, 4)),
        "f64": (S(nn.Linear(8, 8)).double(), (8,)),
        "half": (S(nn.Linear(8, 8)).half(), (8,)),
        "resid": (
            L(
                lambda s, x: F.relu(s.c(F.relu(s.b(s.a(x)))) + s.a(x)),
                a=C(3, 8, 1),
                b=C(8, 8, 3, padding=1),
                c=C(8, 8, 3, padding=1),
            ),
            (3, 8, 8),
        ),
        "cat": (L(lambda s, x: torch_.cat([s.a(x), s.b(x)], 1), a=C(3, 4, 1), b=C(3, 4, 3, padding=1)), (3, 8, 8)),
        "chunk": (L(lambda s, x: (lambda p: p[0] * torch_.sigmoid(p[1]))(s.a(x).chunk(2, 1)), a=C(3, 8, 1)), (3, 8, 8)),
        "norm_in": (L(lambda s, x: s.a((x - 0.5) / 0.25), a=C(3, 8, 3)), (3, 8, 8)),
        "clamp": (L(lambda s, x: torch_.clamp(s.a(x), -1, 1), a=nn.Linear(8, 8)), (8,)),
        "twoout": (L(lambda s, x: (s.a(x), s.a(x).mean((2, 3))), a=C(3, 8, 3)), (3, 8, 8)),
        "groups": (S(C(8, 8, 3, groups=4, padding=1)), (8, 8, 8)),
        "dil": (S(C(3, 8, 3, dilation=2, padding=2)), (3, 8, 8)),
        "asym": (S(nn.ZeroPad2d((0, 1, 0, 1)), C(3, 8, 3, 2)), (3, 8, 8)),
        "refl": (S(nn.ReflectionPad2d(1), C(3, 8, 3)), (3, 8, 8)),
        "logsoft": (S(nn.Linear(8, 4), nn.LogSoftmax(1)), (8,)),
        "sum": (L(lambda s, x: s.a(x).sum(1), a=nn.Linear(8, 4)), (8, 8)),
        "argmax": (L(lambda s, x: s.a(x).argmax(1), a=nn.Linear(8, 4)), (8,)),
        "glu": (S(nn.Linear(8, 8), nn.GLU()), (8,)),
        "sdpa": (
            L(lambda s, x: F.scaled_dot_product_attention(s.q(x), s.k(x), x), q=nn.Linear(8, 8), k=nn.Linear(8, 8)),
            (8, 8),
        ),
        "einsum": (L(lambda s, x: torch_.einsum("bij,kj->bik", x, s.q.weight), q=nn.Linear(8, 8)), (8, 8)),
        "ceil": (S(C(3, 4, 3), nn.MaxPool2d(2, ceil_mode=True)), (3, 9, 9)),
        "rms": (S(nn.Linear(8, 8), nn.RMSNorm(8)), (8,)),
    }
    for module, _ in made.values():
        module.eval()
    return made
