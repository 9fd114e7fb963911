"""Small networks of the kinds that people train in PyTorch."""

from __future__ import annotations

from tests.support.torch_tools import torch

NAMES = ("mobilenet", "ds-cnn", "tcn", "squeeze-excite", "shuffle", "unet", "resnet-1d", "attention")


def network(name, **options):
    """Return a module in eval mode, and the shape of its input without the batch."""
    t = torch()
    nn, F = t.nn, t.nn.functional

    def conv(i, o, kernel=3, stride=1, groups=1, dilation=1, act=nn.ReLU):
        pad = dilation * (kernel // 2)
        layers = [nn.Conv2d(i, o, kernel, stride, pad, dilation, groups, bias=False), nn.BatchNorm2d(o)]
        return nn.Sequential(*layers, *([act()] if act else []))

    def separable(i, o, stride=1):
        return nn.Sequential(conv(i, i, 3, stride, groups=i, act=nn.ReLU6), conv(i, o, 1, act=nn.ReLU6))

    class MobileNet(nn.Module):
        """MobileNetV1 0.25 with fewer blocks, for 16x16 images."""

        def __init__(self):
            super().__init__()
            self.stem = conv(3, 8, 3, 2, act=nn.ReLU6)
            self.blocks = nn.Sequential(
                separable(8, 16), separable(16, 32, 2), separable(32, 32), separable(32, 64, 2), separable(64, 64)
            )
            self.head = nn.Linear(64, 10)

        def forward(self, x):
            return self.head(self.blocks(self.stem(x)).mean((2, 3)))

    class DsCnn(nn.Module):
        """DS-CNN of MLPerf Tiny, for 49x10 cepstral coefficients."""

        def __init__(self, width=64):
            super().__init__()
            self.stem = nn.Sequential(
                nn.Conv2d(1, width, (10, 4), 2, (5, 1), bias=False), nn.BatchNorm2d(width), nn.ReLU()
            )
            self.blocks = nn.Sequential(
                *(nn.Sequential(conv(width, width, groups=width), conv(width, width, 1)) for _ in range(4))
            )
            self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(width, 12)

        def forward(self, x):
            return self.head(self.pool(self.blocks(self.stem(x))).flatten(1))

    class Causal(nn.Module):
        def __init__(self, channels, dilation):
            super().__init__()
            self.pad = 2 * dilation
            self.conv = nn.Conv1d(channels, channels, 3, dilation=dilation)
            self.norm = nn.BatchNorm1d(channels)

        def forward(self, x):
            return F.relu(x + self.norm(self.conv(F.pad(x, (self.pad, 0)))))

    class Tcn(nn.Module):
        """A temporal convolutional network: causal, dilated, residual."""

        def __init__(self):
            super().__init__()
            self.stem = nn.Conv1d(6, 16, 1)
            self.blocks = nn.Sequential(*(Causal(16, d) for d in (1, 2, 4)))
            self.head = nn.Linear(16, 4)

        def forward(self, x):
            return self.head(self.blocks(self.stem(x))[:, :, -1])

    class SqueezeExcite(nn.Module):
        def __init__(self, channels=16):
            super().__init__()
            self.conv = conv(3, channels)
            self.down, self.up = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)
            self.head = nn.Linear(channels, 5)

        def forward(self, x):
            x = self.conv(x)
            gate = t.sigmoid(self.up(F.relu(self.down(x.mean((2, 3), keepdim=True)))))
            return self.head((x * gate).mean((2, 3)))

    class Shuffle(nn.Module):
        """A unit of ShuffleNetV2: half of the channels pass, then all are shuffled."""

        def __init__(self):
            super().__init__()
            self.stem = conv(3, 16, 3, 2)
            self.branch = nn.Sequential(conv(8, 8, 1), conv(8, 8, groups=8, act=None), conv(8, 8, 1))
            self.head = nn.Linear(16, 5)

        def forward(self, x):
            left, right = self.stem(x).chunk(2, 1)
            x = t.cat([left, self.branch(right)], 1)
            n, c, h, w = x.shape
            x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
            return self.head(x.mean((2, 3)))

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.middle = conv(3, 8), conv(8, 16)
            self.up = nn.ConvTranspose2d(16, 8, 2, 2)
            self.join, self.head = conv(16, 8), nn.Conv2d(8, 2, 1)

        def forward(self, x):
            first = self.down(x)
            x = self.up(self.middle(F.max_pool2d(first, 2)))
            return self.head(self.join(t.cat([first, x], 1)))

    class Block1d(nn.Module):
        def __init__(self, i, o, stride):
            super().__init__()
            self.a = nn.Sequential(nn.Conv1d(i, o, 5, stride, 2, bias=False), nn.BatchNorm1d(o), nn.ReLU())
            self.b = nn.Sequential(nn.Conv1d(o, o, 5, 1, 2, bias=False), nn.BatchNorm1d(o))
            self.skip = nn.Conv1d(i, o, 1, stride)

        def forward(self, x):
            return F.relu(self.b(self.a(x)) + self.skip(x))

    class ResNet1d(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.Sequential(Block1d(3, 8, 2), Block1d(8, 16, 2))
            self.head = nn.Linear(16, 4)

        def forward(self, x):
            return self.head(self.blocks(x).mean(2))

    class Attention(nn.Module):
        """A block of two heads over 8 tokens of 8 values: equal dimensions on purpose."""

        def __init__(self):
            super().__init__()
            self.embed = nn.Linear(8, 8)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)

        def forward(self, x):
            x = self.embed(x)
            x = self.norm(x + self.attention(x, x, x, need_weights=False)[0])
            return self.head(x.mean(1))

    made = {
        "mobilenet": (MobileNet, (3, 16, 16)),
        "ds-cnn": (DsCnn, (1, 49, 10)),
        "tcn": (Tcn, (6, 32)),
        "squeeze-excite": (SqueezeExcite, (3, 16, 16)),
        "shuffle": (Shuffle, (3, 16, 16)),
        "unet": (UNet, (3, 16, 16)),
        "resnet-1d": (ResNet1d, (3, 32)),
        "attention": (Attention, (8, 8)),
    }
    kind, shape = made[name]
    t.manual_seed(0)
    module = kind(**options)
    with t.no_grad():
        for _ in range(4):  # the normalizations learn some mean and variance
            module(t.randn(8, *shape))
    return module.eval(), shape
