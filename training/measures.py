"""What maps are compared by: correlation, map-model FSC, global sharpening, local B factors.

Maps are cubes or boxes (z, y, x); `pixel` is the voxel size in angstrom.
"""

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize_scalar


def frequencies(shape, pixel):
    """|s| in 1/A on the rfftn grid of a box."""
    z, y = fft.fftfreq(shape[0], pixel), fft.fftfreq(shape[1], pixel)
    x = fft.rfftfreq(shape[2], pixel)
    return np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2).astype(np.float32)


def correlation(a, b, mask):
    """Pearson correlation inside the mask."""
    return float(np.corrcoef(a[mask], b[mask])[0, 1])


def fourier_shell_correlation(a, b, pixel):
    """(frequencies, FSC) on shells of width 1 / (longest edge)."""
    width = 1 / (max(a.shape) * pixel)
    s = frequencies(a.shape, pixel)
    shells = np.floor(s / width + 1e-4).astype(int).ravel()
    fa, fb = fft.rfftn(a, workers=2).ravel(), fft.rfftn(b, workers=2).ravel()
    cross = np.bincount(shells, (fa * fb.conj()).real)
    power = np.bincount(shells, np.abs(fa) ** 2) * np.bincount(shells, np.abs(fb) ** 2)
    used = int(0.5 / pixel / width)
    return np.arange(used) * width, (cross / np.sqrt(power + 1e-30))[:used]


def crossing(frequency, curve, level):
    """Resolution (A) of the first fall below `level`, linear between shells."""
    for k in range(2, len(curve)):
        if curve[k] < level:
            t = (curve[k - 1] - level) / max(curve[k - 1] - curve[k], 1e-9)
            return float(1 / (frequency[k - 1] + t * (frequency[k] - frequency[k - 1])))
    return float(1 / frequency[-1])


def map_model_resolution(a, model, mask, pixel):
    """FSC = 0.5 of a map and its model, both inside a soft mask."""
    soft = gaussian_filter(mask.astype(np.float32), 1.5)
    return crossing(*fourier_shell_correlation(a * soft, model * soft, pixel), 0.5)


def sharpened(values, pixel, b, weight):
    """Global sharpening: F exp(b s^2 / 4) weight(s)."""
    s = frequencies(values.shape, pixel)
    spectrum = fft.rfftn(values, workers=2) * np.exp(np.clip(b * s**2 / 4, -30, 30)) * weight(s)
    return fft.irfftn(spectrum, s=values.shape, workers=2).astype(np.float32)


def fsc_weight(half1, half2, pixel):
    """sqrt(2 FSC / (1 + FSC)) as a function of |s|, 0 beyond the first crossing of 0.02."""
    frequency, curve = fourier_shell_correlation(half1, half2, pixel)
    last = next((k for k in range(2, len(curve)) if curve[k] < 0.02), len(curve))
    curve = np.clip(curve, 0, 1)
    curve[last:] = 0
    curve[0] = 1
    return lambda s: np.interp(s, frequency, np.sqrt(2 * curve / (1 + curve)), right=0)


def low_pass(resolution):
    """Weight with a tanh edge at the resolution (A), for maps without half maps."""
    limit = 1 / resolution
    return lambda s: 0.5 * (1 - np.tanh(np.pi * (s - limit) / (0.2 * limit)))


def best_global(values, model, mask, pixel, weight):
    """(sharpened map, B) of highest correlation with the model: the best any single B can do."""
    s = frequencies(values.shape, pixel)
    spectrum = fft.rfftn(values, workers=2) * weight(s)

    def make(b):
        gain = np.exp(np.clip(b * s**2 / 4, -30, 30))
        return fft.irfftn(spectrum * gain, s=values.shape, workers=2).astype(np.float32)

    trial = [(correlation(make(b), model, mask), b) for b in (-50, 0, 50, 100, 150, 220, 300)]
    middle = max(trial)[1]
    found = minimize_scalar(
        lambda b: -correlation(make(b), model, mask), method="bounded",
        bounds=(middle - 60, middle + 80), options={"xatol": 3},
    )
    return make(found.x), float(found.x)


def guinier_b(values, mask, pixel, resolution):
    """Overall B from ln amplitude against s^2 between 10 A and the resolution."""
    soft = gaussian_filter(mask.astype(np.float32), 1.5)
    s = frequencies(values.shape, pixel)
    amplitude = np.abs(fft.rfftn(values * soft, workers=2))
    width = 1 / (max(values.shape) * pixel)
    shells = np.floor(s / width).astype(int).ravel()
    radial = np.sqrt(np.bincount(shells, amplitude.ravel() ** 2) / np.maximum(np.bincount(shells), 1))
    f = (np.arange(len(radial)) + 0.5) * width
    low = min(1 / 10, 0.6 / resolution)
    used = (f >= low) & (f <= 1 / resolution)
    return float(-4 * np.polyfit(f[used] ** 2, np.log(radial[used] + 1e-12), 1)[0])


def local_b_factors(values, points, pixel, resolution, window=25.0):
    """B of the radial amplitude profile (full sphere) in cubic windows around points (z, y, x).

    Least squares of ln amplitude against s^2 between 1/10 A (or less, when the
    resolution leaves no room) and the resolution.
    """
    edge = int(np.ceil(window / pixel / 2) * 2)
    half = edge // 2
    padded = np.pad(values, half)
    s = frequencies((edge,) * 3, pixel)
    shells = np.floor(s * edge * pixel + 1e-4).astype(int).ravel()
    count = np.bincount(shells)
    f = np.arange(len(count)) / (edge * pixel)
    low = min(1 / 10, 0.55 / resolution)
    used = (f >= low - 1e-6) & (f <= 1 / resolution + 0.25 / (edge * pixel))
    result = []
    for z, y, x in points:
        cube = padded[z : z + edge, y : y + edge, x : x + edge]
        amplitude = np.bincount(shells, np.abs(fft.rfftn(cube)).ravel()) / count
        result.append(-4 * np.polyfit(f[used] ** 2, np.log(amplitude[used] + 1e-9), 1)[0])
    return np.array(result)
