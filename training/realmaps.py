"""Real maps with atomic models, read into one form for evaluate.py.

Arrays are (z, y, x). The map is also resampled to 1 A/voxel without being shifted:
voxel i of the new grid lies at i angstrom from the first voxel.
"""

import gzip
import shutil
import tempfile
from pathlib import Path

import mrcfile
import numpy as np
from scipy import fft
from scipy.ndimage import affine_transform

from simulate import local_b_factors
from structures import atom_mask, frequency_grid, model_spectrum, read_structure

REAL = [
    {"name": "EMD-0093 HCN4", "map": "emd_0093_hcn4/emd_0093_masked4A.mrc.gz", "model": "emd_0093_hcn4/6gyn.pdb",
     "resolution": 3.4, "about": "deposited map, hard-masked"},
    {"name": "EMD-3240 gamma-secretase", "map": "emd_3240_5fn5/5fn5_box.ccp4",
     "model": "emd_3240_5fn5/5fn5_box_complete.pdb", "resolution": 4.3, "about": "box cut out, masked"},
    {"name": "EMD-30342 integrin chain", "map": "emd_30342_7cec/390_emd_30342_A_z4.mrc",
     "model": "emd_30342_7cec/390_7cec_A.cif", "resolution": 3.9, "about": "box around one chain, masked"},
    {"name": "EMD-3186", "map": "emd_3186_5fj6/emd_3186.map", "model": "emd_3186_5fj6/5fj6.pdb",
     "resolution": 7.9, "about": "whole map, solvent noise"},
]


def read_map(path):
    """(values (z, y, x) float32, voxel size, origin (x, y, z) in angstrom)."""
    with tempfile.TemporaryDirectory() as folder:
        if str(path).endswith(".gz"):
            plain = Path(folder) / "map.mrc"
            with gzip.open(path) as source, open(plain, "wb") as target:
                shutil.copyfileobj(source, target)
            path = plain
        with mrcfile.open(path, permissive=True) as source:
            header = source.header
            axes = [int(header.mapc), int(header.mapr), int(header.maps)]
            values = np.array(source.data, dtype=np.float32)
            pixel = float(source.voxel_size.x)
            starts = dict(zip(axes, (int(header.nxstart), int(header.nystart), int(header.nzstart))))
            origin = np.array([float(header.origin.x), float(header.origin.y), float(header.origin.z)])
    # Array axes are (section, row, column); bring them to (z, y, x).
    order = [axes[::-1].index(axis) for axis in (3, 2, 1)]
    values = np.ascontiguousarray(values.transpose(order))
    if not origin.any():
        origin = np.array([starts[a] for a in (1, 2, 3)]) * pixel
    return values, pixel, origin


def read_real(entry, data, low_pass):
    """A case for evaluate.py."""
    folder = Path(data) / "maps"
    values, pixel, origin = read_map(folder / entry["map"])
    structure = read_structure(folder / entry["model"])
    positions = structure.positions - origin
    extent = np.array(values.shape) * pixel
    inside = ((positions > 0) & (positions < extent[::-1])).all(1)
    structure.positions, positions = structure.positions[inside], positions[inside]
    structure.b_factors = structure.b_factors[inside]
    structure.occupancies = structure.occupancies[inside]
    structure.elements = [e for e, keep in zip(structure.elements, inside) if keep]
    # The model map on a cubic 1 A grid, then read at the voxels of the map.
    size = int(np.ceil(extent.max() / 16) * 16)
    b = local_b_factors(structure, positions, 0.0, 0.0, None)
    density = fft.irfftn(model_spectrum(structure, positions, b, size, frequency_grid(size)), s=(size,) * 3)
    model = affine_transform(density, np.full(3, pixel), output_shape=values.shape, order=3)
    mask1 = atom_mask(positions, size, 3.0)
    mask = affine_transform(mask1.astype(np.float32), np.full(3, pixel), output_shape=values.shape, order=1) >= 0.5
    shape1 = tuple(int(np.ceil(n)) for n in extent)
    map1 = affine_transform(values, np.full(3, 1 / pixel), output_shape=shape1, order=3, mode="nearest")
    full1 = np.zeros(shape1, bool)
    common = tuple(slice(0, min(a, size)) for a in shape1)
    full1[common] = mask1[common]

    def back(array):
        return affine_transform(array, np.full(3, pixel), output_shape=values.shape, order=3, mode="nearest")

    return {
        "name": entry["name"], "class": "real", "resolution": entry["resolution"], "pixel": pixel,
        "about": f"{entry['about']}, {len(positions)} atoms, B sd {b.std():.0f}", "map": values,
        "model": model.astype(np.float32), "mask": mask, "weight": low_pass(entry["resolution"]),
        "map1A": map1, "mask1A": full1, "back": back,
    }
