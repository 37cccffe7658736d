"""Random cubes of simulated maps: memory-mapped files in, batches of tensors out.

Cubes are (z, y, x) at 1 A/voxel; every cube is turned by one of the 24 rotations of
the grid (no mirror images: hands differ).
"""

import itertools
import json
from pathlib import Path

import numpy as np
import torch


def grid_rotations():
    """The 24 proper rotations of a cube as (axis permutation, flipped axes)."""
    turns = []
    for order in itertools.permutations(range(3)):
        parity = np.linalg.det(np.eye(3)[list(order)])
        for flips in itertools.product((1, -1), repeat=3):
            if parity * np.prod(flips) > 0:
                turns.append((order, tuple(a for a in range(3) if flips[a] < 0)))
    return turns


class CubeSource:
    """Draws cubes from a folder written by simulate.py, growing as maps are added."""

    def __init__(self, folder, seed, outside=0.12):
        self.folder = Path(folder)
        self.rng = np.random.default_rng(seed)
        self.outside = outside
        self.turns = grid_rotations()
        self.maps = []
        self.refresh()

    def refresh(self):
        """Takes up maps finished since the last call."""
        known = {m["index"] for m in self.maps}
        lines = (self.folder / "maps.jsonl").read_text().splitlines()
        for record in map(json.loads, lines):
            if record["index"] in known:
                continue
            stem = self.folder / f"{record['index']:05d}"
            mask = np.load(f"{stem}-mask.npy")
            record["voxels"] = np.argwhere(mask).astype(np.int16)
            record["map"] = np.load(f"{stem}-map.npy", mmap_mode="r")
            record["model"] = np.load(f"{stem}-model.npy", mmap_mode="r")
            self.maps.append(record)
        weights = np.array([len(m["voxels"]) for m in self.maps], float) ** 0.33
        self.chances = np.cumsum(weights / weights.sum())

    def cube(self, edge):
        """One random (map, model, record), float32."""
        record = self.maps[int(np.searchsorted(self.chances, self.rng.random() * 0.999999))]
        shape = np.array(record["map"].shape)
        if self.rng.random() < self.outside:
            corner = self.rng.integers(0, np.maximum(shape - edge, 0) + 1)
        else:
            voxel = record["voxels"][self.rng.integers(len(record["voxels"]))]
            corner = voxel - edge // 2 + self.rng.integers(-edge // 4, edge // 4 + 1, 3)
            corner = np.clip(corner, 0, np.maximum(shape - edge, 0))
        cut = tuple(slice(a, a + edge) for a in corner)
        pair = [np.asarray(record[k][cut], dtype=np.float32) for k in ("map", "model")]
        short = [(0, edge - n) for n in pair[0].shape]
        if any(after for _, after in short):
            pair = [np.pad(values, short) for values in pair]
        order, flips = self.turns[self.rng.integers(24)]
        pair = [np.flip(values.transpose(order), flips) for values in pair]
        return pair[0], pair[1], record

    def batch(self, count, edge):
        """(maps, models), each (count, 1, edge, edge, edge), and the records."""
        cubes = [self.cube(edge) for _ in range(count)]
        maps = torch.from_numpy(np.stack([c[0] for c in cubes]))[:, None]
        models = torch.from_numpy(np.stack([c[1] for c in cubes]))[:, None]
        return maps, models, [c[2] for c in cubes]
