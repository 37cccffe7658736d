"""Reading atomic structures and rendering them as electron-scattering maps.

Units: angstrom, square angstrom (B factors). Arrays of maps are (z, y, x) with
x fastest; coordinates are (x, y, z). One voxel is one angstrom everywhere.
"""

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import gemmi
import numpy as np
from scipy import fft

WATER = {"HOH", "DOD", "WAT", "H2O"}
NUCLEOTIDES = {"A", "C", "G", "U", "T", "I", "DA", "DC", "DG", "DT", "DU", "DI"}
#: Smallest B factor rendered on the 1 A grid; what is added is divided out again in Fourier space.
RENDER_B = 100.0
#: The model map ends softly here (1/A); the grid's own limit is 0.5.
TAPER = (0.46, 0.5)


@dataclass
class Structure:
    """Atoms of one structure: positions (n, 3), B factors, occupancies, elements."""

    name: str
    positions: np.ndarray
    b_factors: np.ndarray
    occupancies: np.ndarray
    elements: list
    nucleic_share: float


def structure_name(file_name):
    """Name of a structure from its file name: everything before the first dot."""
    return Path(file_name).name.split(".")[0]


def read_structure(path):
    """Non-hydrogen atoms of the first model; waters are left out."""
    document = gemmi.read_structure(str(path))
    positions, b_factors, occupancies, elements, nucleic = [], [], [], [], []
    for chain in document[0]:
        for residue in chain:
            if residue.name in WATER:
                continue
            is_nucleic = residue.name.strip() in NUCLEOTIDES
            for atom in residue:
                if atom.is_hydrogen() or atom.element.name == "X" or atom.occ <= 0:
                    continue
                positions.append((atom.pos.x, atom.pos.y, atom.pos.z))
                b_factors.append(atom.b_iso)
                occupancies.append(min(atom.occ, 1.0))
                elements.append(atom.element)
                nucleic.append(is_nucleic)
    return Structure(
        name=structure_name(path),
        positions=np.asarray(positions),
        b_factors=np.asarray(b_factors),
        occupancies=np.asarray(occupancies),
        elements=elements,
        nucleic_share=float(np.mean(nucleic)),
    )


def list_structures(folder):
    """Rows of structures.tsv as dictionaries, in file order."""
    with open(Path(folder) / "structures.tsv", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def digest_of_list(folder):
    """SHA-256 of the sorted list of (content hash, file name) of all structures."""
    rows = sorted((row["sha"], row["file"]) for row in list_structures(folder))
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def frequency_grid(size):
    """|s| in 1/A of the half spectrum (rfftn layout) of a cubic map of edge `size`."""
    full = fft.fftfreq(size).astype(np.float32)
    half = fft.rfftfreq(size).astype(np.float32)
    return np.sqrt(full[:, None, None] ** 2 + full[None, :, None] ** 2 + half[None, None, :] ** 2)


def shell_index(frequency, size):
    """Integer Fourier shell of every coefficient (shell width 1/size)."""
    return np.floor(frequency * size + 1e-4).astype(np.int32)


def shell_mean(values, shells):
    """Mean of `values` over every shell."""
    count = np.bincount(shells.ravel())
    return np.bincount(shells.ravel(), values.ravel()) / np.maximum(count, 1)


def taper(frequency):
    """1 up to TAPER[0], a cosine edge, 0 from TAPER[1] on."""
    t = np.clip((frequency - TAPER[0]) / (TAPER[1] - TAPER[0]), 0, 1)
    return (0.5 + 0.5 * np.cos(np.pi * t)).astype(np.float32)


def model_spectrum(structure, positions, b_factors, size, frequency):
    """Half spectrum of the structure's map in a box of edge `size`.

    positions are already placed in the box, in angstrom. B factors are used as
    given (isotropic); electron form factors of International Tables C 4.3.2.2.
    """
    model = gemmi.Model("1")
    chain = gemmi.Chain("A")
    residue = gemmi.Residue()
    lowest = float(b_factors.min())
    blur = max(0.0, RENDER_B - lowest)
    for xyz, b, occupancy, element in zip(
        positions, b_factors, structure.occupancies, structure.elements
    ):
        atom = gemmi.Atom()
        atom.pos = gemmi.Position(*xyz)
        atom.b_iso = float(b)
        atom.occ = float(occupancy)
        atom.element = element
        residue.add_atom(atom)
    chain.add_residue(residue)
    model.add_chain(chain)
    calculator = gemmi.DensityCalculatorE()
    calculator.d_min = 2.0
    calculator.rate = 1.0
    calculator.blur = blur
    calculator.cutoff = 1e-6
    calculator.grid.set_unit_cell(gemmi.UnitCell(size, size, size, 90, 90, 90))
    calculator.grid.spacegroup = gemmi.SpaceGroup("P1")
    calculator.grid.set_size(size, size, size)
    calculator.add_model_density_to_grid(model)
    density = np.ascontiguousarray(np.array(calculator.grid, copy=False).T, dtype=np.float32)
    spectrum = fft.rfftn(density, workers=2)
    gain = taper(frequency) * np.exp(np.minimum(blur * frequency**2 / 4, 30))
    return (spectrum * gain).astype(np.complex64)


def random_rotation(rng):
    """A rotation matrix drawn uniformly."""
    q = rng.normal(size=4)
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def atom_mask(positions, size, radius):
    """Boolean (z, y, x): voxels within about `radius` A of an atom."""
    from scipy.ndimage import distance_transform_edt

    near = np.ones((size,) * 3, bool)
    index = np.clip(np.rint(positions).astype(int), 0, size - 1)
    near[index[:, 2], index[:, 1], index[:, 0]] = False
    low = np.maximum(index.min(0) - int(radius) - 2, 0)
    high = np.minimum(index.max(0) + int(radius) + 3, size)
    box = tuple(slice(low[a], high[a]) for a in (2, 1, 0))
    mask = np.zeros_like(near)
    mask[box] = distance_transform_edt(near[box]) <= radius
    return mask
