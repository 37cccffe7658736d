"""Losses and the figures logged while training."""

import math

import torch

#: Added to a cube's target power (per voxel) so that nearly empty cubes count little.
POWER_FLOOR = 0.03


def relative_error(prediction, target):
    """Squared error of every cube relative to the target's power, (n,)."""
    dims = (1, 2, 3, 4)
    return ((prediction - target) ** 2).mean(dims) / ((target**2).mean(dims) + POWER_FLOOR)


def tamed(errors, limit=1.5):
    """Errors as they are up to the limit, their logarithm beyond: one cube gone wrong early in
    a run must not move everything. Mean over the batch."""
    return torch.where(errors < limit, errors, limit * (1 + torch.log(errors.clamp(min=limit) / limit))).mean()


def radial_amplitudes(cubes, edge=24):
    """Mean Fourier amplitude per shell of the central window: (n, edge // 2 + 1).

    The window is the one local scaling looks at (24 to 26 A).
    """
    start = (cubes.shape[-1] - edge) // 2
    window = cubes[:, 0, start : start + edge, start : start + edge, start : start + edge]
    spectrum = torch.fft.rfftn(window, dim=(1, 2, 3), norm="ortho")
    full = torch.fft.fftfreq(edge, device=cubes.device)
    half = torch.fft.rfftfreq(edge, device=cubes.device)
    radius = torch.sqrt(full[:, None, None] ** 2 + full[None, :, None] ** 2 + half[None, None, :] ** 2)
    shells = torch.floor(radius * edge + 1e-4).long().clamp(max=edge // 2 + 1).reshape(-1)
    power = spectrum.real**2 + spectrum.imag**2
    sums = torch.zeros(cubes.shape[0], edge // 2 + 2, device=cubes.device)
    sums = sums.index_add(1, shells, power.reshape(power.shape[0], -1))
    count = torch.bincount(shells, minlength=edge // 2 + 2).float()
    return torch.sqrt(sums / count + 1e-12)[:, : edge // 2 + 1]


def profile_error(prediction, target, resolutions, edge=24):
    """Mean squared difference of log radial amplitudes from 12 A to the resolution, (n,).

    Cubes with next to nothing at their centre count little.
    """
    ours = torch.log(radial_amplitudes(prediction, edge) + 1e-4)
    amplitudes = radial_amplitudes(target, edge)
    truth = torch.log(amplitudes + 1e-4)
    frequency = torch.arange(ours.shape[1], device=ours.device) / edge
    used = (frequency[None] >= 1 / 12.5) & (frequency[None] <= 1 / resolutions[:, None])
    used = used.float()
    strength = (target**2).mean((1, 2, 3, 4))
    weight = strength / (strength + POWER_FLOOR)
    return weight * (used * (ours - truth) ** 2).sum(1) / used.sum(1).clamp(min=1)


def learning_rate(progress, peak, warm=0.02):
    """Cosine decay to 1 % of the peak over progress 0 … 1, after a linear start."""
    if progress < warm:
        return peak * (0.05 + 0.95 * progress / warm)
    t = min(1.0, (progress - warm) / (1 - warm))
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * t)))
