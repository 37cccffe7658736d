"""The reference network: local band-wise filtering steered by a small U-Net.

All tensors are (n, channels, z, y, x) at 1 A/voxel; edges are multiples of 8.

The input is split into bands by repeated binomial smoothing (average pooling only:
the bands sum to the input exactly, are isotropic to a few per cent and have no
weights). Each band is divided by its own local root mean square over about 25 A; the
trunk sees these flattened bands and the logarithms of the local powers, so that
everything it handles is near 1 whatever the blurring of the map. Three heads:

* filter head: a local amplitude for every band on a 4 A grid, upsampled smoothly;
  sum_k a_k(x) flat_k(x) is a local Wiener filter of the input;
* residual head: a correction at full resolution that is added to it;
* emphasis: factors on the filter's amplitudes, trained last and alone, that make the result of
  local scaling best: its windows leak from strong low frequencies into weak high ones, and a
  reference that is exactly right is scaled to too little at high frequency.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

#: Degree of the binomial (Bernstein) split; peaks at 0, 0.134, 0.196, 0.25, … 1/A.
DEGREE = 6
#: One more than the split gives: its lowest band is divided in two on the 4 A grid.
BANDS = DEGREE + 2
#: Local powers are floored at this share of the power of all bands.
RELATIVE_FLOOR = 1e-9
#: Powers far below this look alike to the trunk (masked-out regions have none at all).
FEATURE_FLOOR = 1e-8
DIRECT_SCALE = 5.0


def smooth(x, passes=1):
    """Binomial smoothing [1 2 1]/4 along every axis; edges average what is there."""
    for _ in range(passes):
        x = F.avg_pool3d(x, 2, stride=1, padding=1, count_include_pad=False)
        x = F.avg_pool3d(x, 2, stride=1, padding=0)
    return x


def double(x):
    """Upsampling by two, trilinear. Exported as nearest neighbour and binomial smoothing,
    which is the same thing: not every provider interpolates in three dimensions."""
    if torch.onnx.is_in_onnx_export():
        return smooth(F.interpolate(x, scale_factor=2.0, mode="nearest"))
    return F.interpolate(x, scale_factor=2.0, mode="trilinear", align_corners=False)


def bernstein(degree):
    """Rows: coefficients of C(K, k) h^k (1 - h)^(K - k) in powers of h; they sum to 1."""
    rows = [[0.0] * (degree + 1) for _ in range(degree + 1)]
    for k in range(degree + 1):
        for i in range(degree - k + 1):
            rows[k][k + i] = float((-1) ** i * math.comb(degree, k) * math.comb(degree - k, i))
    return rows


BERNSTEIN = bernstein(DEGREE)


def split_bands(x):
    """(n, 1, …) -> (n, BANDS, …), lowest frequencies first; the bands sum to x.

    With S the binomial smoothing and H = 1 - S the bands are C(K, k) H^k S^(K - k) x,
    mixed from the powers H^k x: these lose no digits where high frequencies are weak.
    """
    powers = [x]
    for _ in range(DEGREE):
        powers.append(powers[-1] - smooth(powers[-1]))
    mixing = torch.tensor(BERNSTEIN, dtype=x.dtype, device=x.device)
    bands = F.conv3d(torch.cat(powers, 1), mixing[:, :, None, None, None])
    base = bands[:, :1]
    lowest = double(double(smooth(F.avg_pool3d(base, 4))))
    return torch.cat([lowest, base - lowest, bands[:, 1:]], 1)


def flatten_bands(x):
    """(flat bands at full resolution, features of the local powers on the 4 A grid)."""
    bands = split_bands(x)
    power = smooth(F.avg_pool3d(bands * bands, 4), 3)
    power = power + RELATIVE_FLOOR * power.sum(1, keepdim=True) + 1e-12
    # Interpolated before the division: near the edge of a masked map powers change by
    # orders of magnitude from one point of the grid to the next.
    flat = torch.clamp(bands / torch.sqrt(double(double(power))), -8.0, 8.0)
    return flat, 0.25 * (torch.log(power + FEATURE_FLOOR) + 8)


class ChannelDropout(nn.Module):
    """Whole channels are dropped; masks are drawn in training or given by the caller.

    A mask is (n, channels, 1, 1, 1) with values 0 or 1 / (1 - rate).
    """

    def __init__(self, channels, rate):
        super().__init__()
        self.channels, self.rate = channels, rate

    def forward(self, x, mask=None):
        if mask is None:
            if not self.training:
                return x
            shape = (x.shape[0], self.channels, 1, 1, 1)
            mask = (torch.rand(shape, device=x.device) >= self.rate).to(x.dtype) / (1 - self.rate)
        return x * mask


class Residual(nn.Module):
    """x + conv(act(conv(act(x)))), 3x3x3; the last convolution starts near zero."""

    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv3d(channels, channels, 3, padding=1)
        self.second = nn.Conv3d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.bias)
        self.second.weight.data *= 0.2

    def forward(self, x):
        y = self.first(F.leaky_relu(x, 0.1))
        return x + self.second(F.leaky_relu(y, 0.1))


class ReferenceNetwork(nn.Module):
    """Input (n, 1, z, y, x), standardised; returns (filter part, full prediction, reference
    for local scaling)."""

    def __init__(self, widths=(32, 96, 128), rate=0.12, blocks=(1, 1, 1)):
        super().__init__()
        c1, c2, c3 = widths
        self.config = {"widths": list(widths), "rate": rate, "blocks": list(blocks)}
        self.stem = nn.Conv3d(BANDS, c1, 4, stride=2, padding=1)
        self.fine = nn.Sequential(*[Residual(c1) for _ in range(blocks[0])])
        self.down1 = nn.Conv3d(c1, c2, 2, stride=2)
        self.powers = nn.Conv3d(BANDS, c2, 3, padding=1)
        self.middle = nn.Sequential(*[Residual(c2) for _ in range(blocks[1])])
        self.drop_middle = ChannelDropout(c2, rate)
        self.down2 = nn.Conv3d(c2, c3, 2, stride=2)
        self.deep = nn.Sequential(*[Residual(c3) for _ in range(blocks[2])])
        self.drop_deep = ChannelDropout(c3, rate)
        self.up2 = nn.Conv3d(c3, c2, 1)
        self.middle_out = nn.Sequential(*[Residual(c2) for _ in range(blocks[1])])
        self.drop_out = ChannelDropout(c2, rate)
        self.gains = nn.Conv3d(c2, BANDS, 3, padding=1)
        self.direct = nn.Conv3d(BANDS, BANDS, 1, bias=False)
        self.emphasis = nn.Conv3d(c2 + BANDS, BANDS, 1)
        self.up1 = nn.Conv3d(c2, c1, 1)
        self.fine_out = nn.Sequential(*[Residual(c1) for _ in range(blocks[0])])
        self.correction = nn.Conv3d(c1, 8, 3, padding=1)
        nn.init.zeros_(self.gains.bias)
        for layer in (self.direct, self.emphasis):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.emphasis.bias)
        self.gains.weight.data *= 0.3
        self.correction.weight.data *= 0.1

    def dropouts(self):
        """(name, layer) of every dropout, in the order of the masks."""
        return [(n, m) for n, m in self.named_modules() if isinstance(m, ChannelDropout)]

    def forward(self, x, masks=(None, None, None)):
        with torch.no_grad():
            flat, powers = flatten_bands(x)
        return self.predict(flat, powers, masks)

    def predict(self, flat, powers, masks=(None, None, None)):
        """From the flattened bands and the power features (see flatten_bands)."""
        e1 = self.fine(self.stem(flat))
        e2 = self.middle(self.down1(F.leaky_relu(e1, 0.1)) + self.powers(powers))
        e2 = self.drop_middle(e2, masks[0])
        e3 = self.drop_deep(self.deep(self.down2(F.leaky_relu(e2, 0.1))), masks[1])
        up = F.interpolate(self.up2(e3), scale_factor=2.0, mode="nearest")
        d2 = F.leaky_relu(self.drop_out(self.middle_out(e2 + up), masks[2]), 0.1)
        # The direct path lets amplitudes follow the local powers exactly: what is left to the
        # trunk is the gain, which varies slowly. The factor makes it learn faster.
        logs = self.gains(d2).float() + DIRECT_SCALE * self.direct(powers).float()
        gains = torch.exp(torch.clamp(logs - 3.0, max=2.0))
        filtered = (double(double(gains)) * flat).sum(1, keepdim=True)
        emphasis = torch.clamp(self.emphasis(torch.cat([d2.float(), powers], 1)).float(), -3.0, 3.0)
        emphasised = (double(double(gains * torch.exp(emphasis))) * flat).sum(1, keepdim=True)
        up = F.interpolate(self.up1(d2), scale_factor=2.0, mode="nearest")
        d1 = F.leaky_relu(self.fine_out(e1 + up), 0.1)
        correction = interleave(self.correction(d1).float())
        return filtered, filtered + correction, emphasised + correction


class MergeLast(torch.autograd.Function):
    """(a, b, c, d, 2 left) -> (a, b, c, 2 d, left). Exported with a constant shape (0: as it is), so that no
    provider has to compute shapes, whatever the size of the cubes."""

    @staticmethod
    def forward(_, x, left):
        a, b, c, d, _ = x.shape
        return x.reshape(a, b, c, 2 * d, left)

    @staticmethod
    def symbolic(g, x, left):
        return g.op("Reshape", x, g.op("Constant", value_t=torch.tensor([0, 0, 0, -1, left])))


def interleave(x):
    """(n, 8, z, y, x) -> (n, 1, 2z, 2y, 2x): channel 4a + 2b + c goes to offset (a, b, c)."""
    if not torch.onnx.is_in_onnx_export():
        n, _, d, h, w = x.shape
        x = x.reshape(n, 2, 2, 2, d, h, w).permute(0, 4, 1, 5, 2, 6, 3)
        return x.reshape(n, 1, 2 * d, 2 * h, 2 * w)
    x = MergeLast.apply(x.permute(0, 3, 4, 2, 1), 4)  # n, y, x, 2z, (b, c)
    x = MergeLast.apply(x.permute(0, 2, 3, 1, 4), 2)  # n, x, 2z, 2y, c
    x = MergeLast.apply(x.permute(0, 2, 3, 1, 4), 1)  # n, 2z, 2y, 2x, 1
    return x.permute(0, 4, 1, 2, 3)


def parameter_count(model):
    """Number of trainable values."""
    return sum(p.numel() for p in model.parameters())
