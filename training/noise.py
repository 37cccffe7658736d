"""Noise of reconstructions: analytic families of power spectra and measured ones.

A spectrum is a function of |s| (1/A) giving relative power; its scale is set by
the resolution wanted. Maps are (z, y, x).
"""

from pathlib import Path

import mrcfile
import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter1d

from structures import frequency_grid, shell_index, shell_mean

#: Maps with visible solvent noise, relative to the data folder: (file, name).
MEASURED = [
    ("maps/relion_betagal/betaGal.mrc", "relion_betagal"),
    ("maps/emd_3186_5fj6/emd_3186.map", "emd_3186"),
]


def measured_spectra(data):
    """Solvent power spectra of the real maps, on 64 points of 0 … Nyquist, mean 1.

    The particle is cut out with a soft complement of its low-passed density, the
    corners outside the reconstruction sphere likewise.
    """
    spectra = []
    for file_name, _ in MEASURED:
        with mrcfile.open(Path(data) / file_name, permissive=True) as source:
            values = np.asarray(source.data, dtype=np.float32)
        size = values.shape[0]
        frequency = frequency_grid(size)
        smooth = fft.irfftn(
            fft.rfftn(values) * np.exp(-((frequency * 8) ** 2)), s=values.shape
        )
        axis = np.arange(size) - size / 2
        distance = np.sqrt(
            axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2
        )
        inside = distance < 0.46 * size
        level = np.percentile(smooth[inside], 75)
        solvent = (inside & (smooth < level)).astype(np.float32)
        solvent = fft.irfftn(
            fft.rfftn(solvent) * np.exp(-((frequency * 5) ** 2)), s=values.shape
        )
        solvent = np.clip(2 * solvent - 1, 0, 1)
        centre = (values * solvent).sum() / solvent.sum()
        power = np.abs(fft.rfftn((values - centre) * solvent)) ** 2
        radial = shell_mean(power, shell_index(frequency, size))[: size // 2]
        radial[0] = radial[1]
        radial = np.exp(gaussian_filter1d(np.log(radial + 1e-12 * radial.max()), 1.5))
        grid = np.interp(np.linspace(0, 1, 64), np.linspace(0, 1, len(radial)), radial)
        spectra.append((grid / grid.mean()).astype(np.float32))
    return spectra


def draw_shape(rng, spectra):
    """A random noise spectrum: (description, function of |s|)."""
    kind = rng.choice(["flat", "rise", "rolloff", "both", "measured"], p=[0.2, 0.2, 0.15, 0.25, 0.2])
    rise = rng.uniform(0.5, 12) if kind in ("rise", "both") else 0.0
    edge = rng.uniform(0.02, 0.12)
    roll = rng.uniform(10, 120) if kind in ("rolloff", "both") else 0.0
    growth = rng.uniform(-1, 2) if rng.random() < 0.3 else 0.0
    if kind != "measured":
        def shape(s):
            power = (1 + rise * np.exp(-s / edge)) * np.exp(-roll * s**2 / 2)
            return power * (1 + s / 0.25) ** growth
        text = f"{kind} rise {rise:.1f}/{edge:.3f} roll-off {roll:.0f} growth {growth:.1f}"
        return text, shape
    which = int(rng.integers(len(spectra)))
    limit = rng.uniform(0.35, 0.6)
    floor = 10 ** rng.uniform(-4, -1)
    spectrum = spectra[which] / spectra[which].max()
    def shape(s):
        return np.interp(s, np.linspace(0, limit, len(spectrum)), spectrum) + floor
    return f"measured {MEASURED[which][1]} to {limit:.2f}/A floor {floor:.1e}", shape


def noise_spectrum(rng, size, amplitude):
    """Half spectrum of Gaussian noise; `amplitude` is the root of its power there."""
    white = rng.standard_normal((size,) * 3, dtype=np.float32)
    spectrum = fft.rfftn(white, workers=2)
    spectrum *= amplitude / np.float32(size**1.5)
    return spectrum
