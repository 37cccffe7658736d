"""Local scaling in PyTorch, as a loss: what the program makes of a map with a predicted reference.

Windows are (n, edge, edge, edge) of the 1 A grid, edge 26 (25 A rounded up to even).
Profiles are LocScale's: mean amplitudes over raw, unfolded indices up to edge / 2.
"""

import torch

EDGE = 26
HALF = EDGE // 2
#: Half the edge of the middle of a window that the loss looks at (the program uses one voxel).
CORE = 2


def _tables(device):
    """Shell of every octant coefficient; shells and weights to interpolate at every frequency."""
    axis = torch.arange(HALF + 1, device=device, dtype=torch.float32)
    radius = torch.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    shells = torch.floor(radius + 1e-4).long().reshape(-1)
    full = torch.fft.fftfreq(EDGE, device=device) * EDGE
    half = torch.fft.rfftfreq(EDGE, device=device) * EDGE
    at = torch.sqrt(full[:, None, None] ** 2 + full[None, :, None] ** 2 + half[None, None, :] ** 2)
    at = at.clamp(max=HALF)
    low = torch.floor(at).long().clamp(max=HALF - 1)
    return shells, low, at - low


def profiles(spectrum, shells):
    """Mean amplitude per shell 0 … EDGE / 2, (n, shells)."""
    octant = spectrum[:, : HALF + 1, : HALF + 1]
    amplitude = torch.sqrt(octant.real**2 + octant.imag**2 + 1e-14).reshape(len(spectrum), -1)
    kept = shells <= HALF
    sums = torch.zeros(len(spectrum), HALF + 1, device=spectrum.device)
    sums = sums.index_add(1, shells[kept], amplitude[:, kept])
    return sums / torch.bincount(shells[kept], minlength=HALF + 1)


def scale_windows(maps, references):
    """The middle of every window after local scaling: (n, 2 CORE, 2 CORE, 2 CORE)."""
    shells, low, part = _tables(maps.device)
    spectrum = torch.fft.rfftn(maps, dim=(1, 2, 3), norm="ortho")
    theirs = torch.fft.rfftn(references, dim=(1, 2, 3), norm="ortho")
    ratio = profiles(theirs, shells) / (profiles(spectrum, shells) + 1e-7)
    factor = ratio[:, low] * (1 - part) + ratio[:, low + 1] * part
    scaled = torch.fft.irfftn(spectrum * factor, s=(EDGE,) * 3, dim=(1, 2, 3), norm="ortho")
    core = slice(HALF - CORE, HALF + CORE)
    return scaled[:, core, core, core]


def windows(cubes, corners):
    """Cut windows (n * len(corners), EDGE, EDGE, EDGE) from cubes (n, 1, …)."""
    return torch.cat([
        cubes[:, 0, z : z + EDGE, y : y + EDGE, x : x + EDGE] for z, y, x in corners
    ])


def scaling_error(maps, reference, target, corners):
    """Squared error of local scaling in the middle of windows, relative to the target's power
    there averaged over the batch; windows with next to no density are left out."""
    wanted = windows(target, corners)
    core = slice(HALF - CORE, HALF + CORE)
    wanted = wanted[:, core, core, core]
    strength = (wanted**2).mean((1, 2, 3))
    used = strength > 0.02
    if not used.any():
        return reference.sum() * 0
    got = scale_windows(windows(maps, corners)[used], windows(reference, corners)[used])
    error = ((got - wanted[used]) ** 2).mean((1, 2, 3)) / (strength[used] + 0.05)
    return torch.where(error < 1.5, error, 1.5 * (1 + torch.log(error.clamp(min=1.5) / 1.5))).mean()
