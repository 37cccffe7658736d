#!/usr/bin/env python3
"""Simulated pairs of half maps for tools/evaluate-soft-simulated.mjs, from structures of the network's test split.

    python3 tools/simulate-half-maps.py --structures FOLDER --out FOLDER [CASE ...]

Needs numpy, scipy, gemmi, mrcfile. Per case a folder with half1, half2 (independent noise, FSC 0.143 of the whole box
at the nominal resolution), truth (the same without noise), target (no overall B factor, no belt, no local blur: the
ideal map), mask (3 A around the target's density) and case.json. Every case has its own seed.
"""
import argparse
import json
from pathlib import Path

import gemmi
import mrcfile
import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter

#: Name: structure, A per voxel, nominal resolution, overall B factor and what is special:
#: belt of detergent, maps cut by a sphere or a soft mask, extra B factor (A^2) at one end of the particle.
CASES = {
    "S01": ("1e4m", 0.85, 2.3, 110, {}),
    "S02": ("3enl", 1.0, 2.7, 79, {}),
    "S03": ("1k4c", 1.35, 3.2, 161, {"belt": True}),
    "S04": ("4gxy", 1.2, 3.6, 137, {}),
    "S05": ("1by4", 1.2, 3.3, 178, {}),
    "S06": ("2src", 1.3, 4.0, 125, {"cut": "sphere"}),
    "S07": ("3hsy", 1.4, 2.9, 144, {}),
    "S08": ("1t6b", 1.15, 3.0, 81, {"cut": "mask"}),
    "S09": ("5a63-ac", 1.5, 3.8, 138, {"belt": True}),
    "S10": ("2vpz", 2.2, 6.5, 74, {"belt": True}),
    "S11": ("6gyn", 3.0, 9.0, 68, {}),
    "S12": ("7cec", 3.0, 12.0, 172, {}),
    "S13": ("6hbu", 1.6, 5.0, 172, {"belt": True}),
    "S14": ("1oyv", 1.05, 2.5, 136, {}),
    "L01": ("3enl", 1.0, 2.7, 79, {"local": 120}),
    "L02": ("1by4", 1.2, 3.3, 178, {"local": 100}),
    "L03": ("3hsy", 1.4, 2.9, 144, {"local": 100}),
}
MARGIN = 22


def read_atoms(path):
    structure = gemmi.read_structure(str(path))
    structure.remove_waters()
    structure.remove_hydrogens()
    structure.remove_alternative_conformations()
    while len(structure) > 1:
        del structure[1]
    return structure


def squared_frequency(shape, voxel):
    z, y, x = np.fft.fftfreq(shape[0], voxel), np.fft.fftfreq(shape[1], voxel), np.fft.rfftfreq(shape[2], voxel)
    return z[:, None, None] ** 2 + y[:, None] ** 2 + x**2


class Particle:
    """A structure in a box of its own, its B factors spread about 0 upwards as make-believe of a good refinement."""

    def __init__(self, path, voxel):
        self.voxel, self.structure = voxel, read_atoms(path)
        atoms = [c.atom for c in self.structure[0].all()]
        at, b = np.array([a.pos.tolist() for a in atoms]), np.array([a.b_iso for a in atoms])
        size = (np.ceil((np.ptp(at, 0) + 2 * MARGIN) / voxel / 4) * 4).astype(int)
        shift = size * voxel / 2 - (at.max(0) + at.min(0)) / 2
        for atom in atoms:
            atom.pos = gemmi.Position(*(np.array(atom.pos.tolist()) + shift))
        self.x = at[:, 0] + shift[0]
        lowest, spread = np.percentile(b, 1), 60 / max(20, 2 * b.std())
        self.b = np.maximum(0, (b - lowest) * spread)
        self.shape = tuple(int(n) for n in size[::-1])
        self.structure.cell = gemmi.UnitCell(*[float(n * voxel) for n in size], 90, 90, 90)
        self.structure.spacegroup_hm = "P1"
        self.s2 = squared_frequency(self.shape, voxel)

    def density(self, extra):
        """The map of the atoms with `extra` added to their B factors, band-limited at Nyquist."""
        model = self.structure.clone()
        for c, b in zip(model[0].all(), self.b + extra):
            c.atom.b_iso = b
            # Anisotropic factors would be taken instead.
            c.atom.aniso = gemmi.SMat33f(0, 0, 0, 0, 0, 0)
        calculator = gemmi.DensityCalculatorE()
        # The default cutoff leaves steps that outweigh what a large B factor leaves of high frequencies.
        calculator.d_min, calculator.rate, calculator.cutoff = 2 * self.voxel, 1, 1e-8
        calculator.set_grid_cell_and_spacegroup(model)
        calculator.set_refmac_compatible_blur(model[0])
        calculator.grid.set_size(*self.shape[::-1])
        calculator.add_model_density_to_grid(model[0])
        spectrum = np.fft.rfftn(np.array(calculator.grid, copy=True).transpose(2, 1, 0))
        spectrum *= np.exp(calculator.blur * self.s2 / 4)
        spectrum[self.s2 > (0.5 / self.voxel) ** 2] = 0
        return np.fft.irfftn(spectrum, s=self.shape)


def belt(protein, voxel, level, rng):
    """Detergent around the middle of the protein along z: smooth, of 0.6 of its density."""
    distance = distance_transform_edt(~protein, sampling=voxel)
    height = np.abs((np.arange(protein.shape[0]) - np.nonzero(protein)[0].mean()) * voxel)[:, None, None]
    inside = (distance > 0) & (distance < 18) & (height < 15)
    texture = gaussian_filter(rng.standard_normal(protein.shape), 3 / voxel)
    smooth = gaussian_filter(inside * 1.0, 1.5 / voxel) * (1 + 0.4 * texture / texture.std())
    return 0.6 * level * smooth


def simulate(name, structures, out):
    code, voxel, resolution, overall_b, special = CASES[name]
    rng = np.random.default_rng(abs(sum(ord(c) * 31**i for i, c in enumerate(name))))
    path = next(p for p in sorted(Path(structures).iterdir()) if p.name.startswith(code + "."))
    particle = Particle(path, voxel)
    target = particle.density(np.zeros(len(particle.b)))
    protein = target > 1.5 * target.std()
    mask = binary_dilation(protein, iterations=max(1, round(3 / voxel)))
    x = particle.x - particle.x.mean()
    local = special.get("local", 0) / (1 + np.exp(-x / 7.5))
    truth = particle.density(overall_b + local)
    if special.get("belt"):
        truth = truth + belt(protein, voxel, truth[protein].mean(), rng)
    frequency = np.sqrt(particle.s2)
    signal = np.fft.rfftn(truth)
    shell = abs(frequency - 1 / resolution) < 0.01
    power = (abs(signal[shell]) ** 2).mean()
    # Flat with a rise at low frequency; half maps with FSC 1/7 have 6 times as much noise as signal.
    colour = (0.4 + 0.6 * np.exp(-10 * particle.s2)) * np.sqrt(1 + (0.03 / np.maximum(frequency, 0.005)) ** 2)
    halves = []
    for _ in range(2):
        noise = np.fft.rfftn(rng.normal(0, 1, truth.shape)) * colour
        noise *= np.sqrt(6 * power / (abs(noise[shell]) ** 2).mean())
        halves.append(np.fft.irfftn(signal + noise, s=truth.shape))
    cut = special.get("cut")
    if cut == "sphere":
        grids = np.meshgrid(*[(np.arange(n) - n / 2) * voxel for n in truth.shape], indexing="ij")
        radius = np.sqrt(sum(g**2 for g in grids))
        edge = radius[protein].max() + 6
        halves = [h * np.clip((edge + 5 - radius) / 5, 0, 1) for h in halves]
    elif cut == "mask":
        soft = np.clip(1 - (distance_transform_edt(~mask, sampling=voxel) - 3) / 6, 0, 1)
        halves = [h * soft for h in halves]
    folder = Path(out) / name
    folder.mkdir(parents=True, exist_ok=True)
    maps = {"half1": halves[0], "half2": halves[1], "truth": truth, "target": target, "mask": mask}
    for key, values in maps.items():
        with mrcfile.new(folder / f"{key}.mrc", overwrite=True) as file:
            file.set_data(values.astype(np.float32))
            file.voxel_size = voxel
    about = {"structure": code, "voxel": voxel, "resolution": resolution, "overallB": overall_b, "special": special}
    (folder / "case.json").write_text(json.dumps(about | {"shape": particle.shape, "atoms": len(particle.b)}))
    print(name, code, particle.shape, f"{mask.mean():.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--structures", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    options = parser.parse_args()
    for name in options.cases or CASES:
        simulate(name, options.structures, options.out)


if __name__ == "__main__":
    main()
