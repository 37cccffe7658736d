"""Simulates pairs (map, model map) at 1 A/voxel from atomic structures.

    python3 simulate.py --data ../../shared --work work --maps 600 --later 400

Every map has its own seed, so the set is the same on every machine, and a run
that was stopped goes on where it was. Per map two files are written, cut around
the particle: NNNNN-map.npy (float32, standardised over the whole box:
(v - mean) / (10 sd)), NNNNN-model.npy (float16, in units of 10 sd) and
NNNNN-mask.npy; one line of maps.jsonl tells how it was made.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy import fft
from scipy.ndimage import distance_transform_edt, gaussian_filter, zoom

from noise import draw_shape, measured_spectra, noise_spectrum
from structures import (
    frequency_grid,
    list_structures,
    model_spectrum,
    random_rotation,
    read_structure,
    shell_index,
    shell_mean,
)

SIZES = [n for n in range(64, 257, 8) if n not in (88, 104, 136, 152, 176, 184, 208, 232, 248)]
#: Membrane proteins of the set: always with a belt of detergent or lipid.
MEMBRANE = set(
    "1k4c 2vpz 2bs2 3sfd 4huq-tm 2r6g-tm 5a63-ac 4q35 5d0o 5aww 1gzm 2gsk 2hdi 3csl 4fz0 6gyn "
    "6hbu 3x29 1m56".split()
)


def draw_recipe(rng, spectra):
    """Everything random about one map except the noise itself, as plain numbers."""
    if rng.random() < 0.36:
        resolution = rng.uniform(2.3, 3.2)
    else:
        resolution = 3.2 * (8 / 3.2) ** (rng.random() ** 1.2)
    highest_b = min(300.0, 12 * resolution**2 + 25)
    text, shape = draw_shape(rng, spectra)
    return {
        "resolution": float(resolution),
        "overall_b": float(rng.uniform(20, highest_b)),
        "spread_b": float(np.clip(rng.lognormal(np.log(20), 0.5), 5, 80)),
        "field_b": float(rng.uniform(10, 90)) if rng.random() < 0.55 else 0.0,
        "noise": text,
        "shape": shape,
        "noise_factor": float(rng.lognormal(0, 0.4)),
        "anisotropy": float(rng.normal(0, 12)) if rng.random() < 0.5 else 0.0,
        "solvent_contrast": float(rng.uniform(0, 0.7)) if rng.random() < 0.6 else 0.0,
        "solvent_b": float(rng.uniform(150, 500)),
        "belt": bool(rng.random() < 0.12),
        "padding": float(rng.uniform(1.15, 2.1)),
        "pixel": float(rng.uniform(1.0, min(1.6, resolution / 2.1))) if rng.random() < 0.45 else 0.0,
        "masking": str(rng.choice(["none", "sphere", "solvent"], p=[0.5, 0.32, 0.18])),
        "processed": bool(rng.random() < 0.12),
    }


def draw_later_recipe(rng, spectra):
    """The second series: wider ranges of local B factors, and two thirds of the maps as they are deposited
    (sharpened by a single B that is not quite right, weighted by the FSC, low-passed, masked more or less tightly)."""
    recipe = draw_recipe(rng, spectra) | {"processed": False}
    if rng.random() < 0.6:
        recipe["spread_b"] = float(np.clip(rng.lognormal(np.log(30), 0.5), 5, 100))
        recipe["field_b"] = float(rng.uniform(40, 250))
    if rng.random() < 0.67:
        recipe["masking"] = str(rng.choice(["none", "sphere", "solvent", "tight"], p=[0.25, 0.15, 0.2, 0.4]))
        recipe["deposited"] = {
            "factor": float(rng.uniform(0.5, 1.35)),
            "weighted": bool(rng.random() < 0.6),
            "cut": float(rng.uniform(0.88, 1.15)),
            "width": float(rng.uniform(0.006, 0.03)),
        }
    return recipe


def deposited_filter(choice, frequency, overall, resolution, fsc):
    """Gain of post-processing on the frequency grid: exp(B s^2 / 4) with B a share of the overall one, the weights
    sqrt(2 FSC / (1 + FSC)), and a soft low-pass near the resolution. `fsc`: the expected FSC on the grid."""
    gain = np.exp(np.minimum(choice["factor"] * overall * frequency**2 / 4, 12))
    if choice["weighted"]:
        gain = gain * np.sqrt(2 * fsc / (1 + fsc))
    limit = choice["cut"] / resolution
    return gain / (1 + np.exp(np.clip((frequency - limit) / choice["width"], -30, 30)))


def local_b_factors(structure, positions, spread, field, rng):
    """Deposited B factors shifted to a 1st percentile of 0 and scaled to a standard
    deviation `spread`, plus a smooth field rising to `field` away from a random point."""
    b = structure.b_factors - np.percentile(structure.b_factors, 1)
    b = np.clip(b, 0, None)
    deviation = b.std()
    if deviation > 1 and spread > 0:
        b = b * np.clip(spread / deviation, 0.3, 4)
    if field > 0:
        centre = positions[rng.integers(len(positions))]
        distance = np.linalg.norm(positions - centre, axis=1)
        b = b + field * (distance / distance.max()) ** 2
    b = np.clip(b - np.percentile(b, 1), 0, 400)
    return b


def belt_density(protein, axis, centre, rng):
    """A torus-like belt around the protein (boolean, (z, y, x)), perpendicular to
    `axis` (z, y, x) through `centre` (z, y, x): head groups denser than the core,
    0 inside the protein, at most about 1."""
    size = protein.shape[0]
    coarse = protein[::2, ::2, ::2]
    distance = distance_transform_edt(~coarse) * 2
    grids = np.meshgrid(*[np.arange(0, size, 2, dtype=np.float32) - c for c in centre], indexing="ij")
    height = np.abs(sum(a * g for a, g in zip(axis, grids)))
    half, width = rng.uniform(13, 18), rng.uniform(12, 28)
    inside = (distance > 2) & (distance < width) & (height < half)
    heads = inside & ((height > half - 5) | (distance > width - 5))
    value = 0.45 * inside + 0.55 * heads
    texture = gaussian_filter(rng.standard_normal(coarse.shape), rng.uniform(1.5, 4))
    value = value * (1 + 0.5 * texture / texture.std())
    fine = zoom(gaussian_filter(value.astype(np.float32), 0.8), 2, order=1)
    return fine[:size, :size, :size] * ~protein


def place(structure, rng, padding):
    """Random orientation in a cubic box: (positions in the box, edge, rotation)."""
    rotation = random_rotation(rng)
    positions = (structure.positions - structure.positions.mean(0)) @ rotation.T
    low, high = positions.min(0), positions.max(0)
    extent = float((high - low).max()) + 12
    wanted = min(extent * padding, max(256.0, extent))
    size = next((n for n in SIZES if n >= wanted), None)
    if size is None:
        size = int(np.ceil(wanted / 16) * 16)
    shift = size / 2 - (low + high) / 2 + rng.uniform(-2, 2, 3)
    return positions + shift, size, rotation


def simulate(structure, recipe, rng, halves=1):
    """One map of a structure.

    Returns a dictionary: `maps` (list of `halves` float32 arrays, noise independent
    between them, not standardised), `model` (float32, local B factors, 1st percentile
    0), `particle` (boolean, about 4 A around the atoms), `positions`, `b_factors`,
    `size`. With halves = 2 the resolution is that at which their FSC is 0.143; with
    one map it is that of the average of two such half maps.
    """
    positions, size, rotation = place(structure, rng, recipe["padding"])
    b = local_b_factors(structure, positions, recipe["spread_b"], recipe["field_b"], rng)
    frequency = frequency_grid(size)
    shells = shell_index(frequency, size)
    model = model_spectrum(structure, positions, b, size, frequency)
    density = fft.irfftn(model, s=(size,) * 3, workers=2)
    indicator = np.zeros((size,) * 3, np.float32)
    index = np.clip(np.rint(positions).astype(int), 0, size - 1)
    indicator[index[:, 2], index[:, 1], index[:, 0]] = 1
    particle = gaussian_filter(indicator, 2.2, mode="constant", truncate=3) > 0.006

    signal = model
    if recipe["belt"] or structure.name in MEMBRANE:
        axis = rotation @ np.array([0.0, 0.0, 1.0])
        middle = positions.mean(0) + rotation @ np.array([0, 0, rng.uniform(-10, 10)])
        belt = belt_density(particle, axis[::-1], middle[::-1], rng)
        belt *= density[particle].mean() * rng.uniform(0.3, 0.9)
        signal = signal + fft.rfftn(belt.astype(np.float32), workers=2)
    filters = np.exp(-recipe["overall_b"] * frequency**2 / 4)
    if recipe["solvent_contrast"] > 0:
        filters *= 1 - recipe["solvent_contrast"] * np.exp(-recipe["solvent_b"] * frequency**2 / 4)
    uneven = None
    if recipe["anisotropy"]:
        n = rng.normal(size=3)
        n /= np.linalg.norm(n)
        full, half = fft.fftfreq(size), fft.rfftfreq(size)
        along = n[0] * full[:, None, None] + n[1] * full[None, :, None] + n[2] * half[None, None, :]
        uneven = np.exp(-recipe["anisotropy"] * along**2 / 4).astype(np.float32)
        filters = filters * uneven
    signal = signal * filters.astype(np.float32)

    power = shell_mean(np.abs(signal) ** 2, shells)
    wanted = 1 / recipe["resolution"]
    at = np.interp(wanted, np.arange(len(power)) / size, np.log(np.maximum(power, 1e-30)))
    scale = np.exp(at) * 6 * recipe["noise_factor"] / recipe["shape"](np.array([wanted]))[0]
    radial = np.sqrt(scale * recipe["shape"](np.arange(len(power)) / size)).astype(np.float32)
    amplitude = radial[shells]
    if halves == 1:
        amplitude = amplitude / np.float32(np.sqrt(2))

    edge = None
    if recipe["pixel"] > 1:
        full, half = np.abs(fft.fftfreq(size)), fft.rfftfreq(size)
        limit = 0.5 / recipe["pixel"]
        edge = (
            (full[:, None, None] < limit) & (full[None, :, None] < limit) & (half[None, None, :] < limit)
        )
    soft = None
    if recipe["masking"] == "solvent":
        soft = gaussian_filter(
            (gaussian_filter(particle.astype(np.float32), 3) > rng.uniform(0.05, 0.3)).astype(np.float32),
            rng.uniform(0.5, 2.5),
        )
    elif recipe["masking"] == "tight":
        inside = gaussian_filter(particle.astype(np.float32), 1.5) > rng.uniform(0.15, 0.7)
        soft = gaussian_filter(inside.astype(np.float32), rng.uniform(0.7, 3))
    elif recipe["masking"] == "sphere":
        grid = np.arange(size, dtype=np.float32) - size / 2
        r2 = grid[:, None, None] ** 2 + grid[None, :, None] ** 2 + grid[None, None, :] ** 2
        soft = np.clip((size / 2 * rng.uniform(0.94, 1.0) - np.sqrt(r2)) / 3, 0, 1)

    post = None
    if recipe.get("deposited"):
        fsc = (power / (power + radial**2 + 1e-30))[shells]
        overall = recipe["overall_b"] + 0.5 * float(b.mean())
        post = deposited_filter(recipe["deposited"], frequency, overall, recipe["resolution"], fsc)
        post = post.astype(np.float32)
    maps = []
    for _ in range(halves):
        spectrum = signal + noise_spectrum(rng, size, amplitude)
        if edge is not None:
            spectrum = spectrum * edge
        if recipe["processed"]:
            sharp = np.exp(np.minimum(0.8 * recipe["overall_b"] * frequency**2 / 4, 12))
            cut = 1 / (1 + np.exp(np.clip((frequency - wanted * 1.1) / 0.012, -30, 30)))
            spectrum = spectrum * (sharp * cut).astype(np.float32)
        if post is not None:
            spectrum = spectrum * post
        values = fft.irfftn(spectrum, s=(size,) * 3, workers=2).astype(np.float32)
        maps.append(values if soft is None else values * soft)
    return {
        "maps": maps,
        "model": density.astype(np.float32),
        "particle": particle,
        "positions": positions,
        "b_factors": b,
        "size": size,
    }


def standardise(values):
    """(v - mean) / (10 sd) over the whole map, the input of the network."""
    deviation = values.std(dtype=np.float64)
    return ((values - values.mean(dtype=np.float64)) / (10 * deviation)).astype(np.float32)


def training_order(names, nucleic, count, seed):
    """`count` structure names: rounds of all names in random order, nucleic acids twice."""
    rng = np.random.default_rng([seed, 7])
    order = []
    while len(order) < count:
        round_names = list(names) + [n for n in names if n in nucleic]
        rng.shuffle(round_names)
        order += round_names
    return order[:count]


def write_map(folder, index, structure, recipe, seed):
    """Simulates map number `index` and writes its files; returns its record."""
    rng = np.random.default_rng([seed, index, 1])
    result = simulate(structure, recipe, rng)
    model = result["model"] / (10 * result["model"].std(dtype=np.float64))
    values = standardise(result["maps"][0])
    where = np.argwhere(result["particle"])
    low = np.maximum(where.min(0) - 10, 0)
    high = np.minimum(where.max(0) + 11, result["size"])
    cut = tuple(slice(a, b) for a, b in zip(low, high))
    stem = Path(folder) / f"{index:05d}"
    np.save(f"{stem}-mask.npy", result["particle"][cut])
    np.save(f"{stem}-model.npy", model[cut].astype(np.float16))
    np.save(f"{stem}-map.npy", values[cut])
    record = {k: v for k, v in recipe.items() if k != "shape"}
    return record | {"index": index, "structure": structure.name, "box": int(result["size"])}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="../../shared")
    parser.add_argument("--work", default="work")
    parser.add_argument("--split", default=str(Path(__file__).parent / "split.json"))
    parser.add_argument("--part", choices=["train", "validation"], default="train")
    parser.add_argument("--maps", type=int, default=600)
    parser.add_argument("--later", type=int, default=0, help="maps of the second series, after --maps of the first")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--until", help="stop at this wall-clock time, HH:MM")
    options = parser.parse_args()
    split = json.loads(Path(options.split).read_text())
    files = {row["id"]: row["file"] for row in list_structures(Path(options.data) / "structures")}
    seed = options.seed + (1000 if options.part == "validation" else 0)
    order = training_order(split[options.part], set(split["nucleic"]), options.maps + options.later, seed)
    folder = Path(options.work) / options.part
    folder.mkdir(parents=True, exist_ok=True)
    spectra = measured_spectra(options.data)
    for index, name in enumerate(order):
        if options.until and time.strftime("%H:%M") >= options.until:
            break
        if (folder / f"{index:05d}-map.npy").exists():
            continue
        draw = draw_recipe if index < options.maps else draw_later_recipe
        recipe = draw(np.random.default_rng([seed, index, 0]), spectra)
        structure = read_structure(Path(options.data) / "structures" / files[name])
        started = time.time()
        record = write_map(folder, index, structure, recipe, seed)
        record["seconds"] = round(time.time() - started, 2)
        with open(folder / "maps.jsonl", "a") as stream:
            stream.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
