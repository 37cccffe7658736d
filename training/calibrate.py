"""From the spread of Monte-Carlo dropout to true errors: the table feature_enhance uses.

    python3 calibrate.py --checkpoint work/checkpoints/run/last.pt --work work

On cubes of validation maps 15 passes with random masks give a mean and a standard error
sqrt(variance / 15) for every voxel (variance divided by N). Voxels are sorted into bins of
equal count by that standard error; in every bin the root mean square of (mean - target) is
the true error. The table maps the one to the other: piecewise linear, made monotone, from
(0, error of the lowest bin). Both are in the units of the network's output.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from cubes import CubeSource
from export import load_network

PASSES = 15
BINS = 24
HEADS = {"filter": 0, "full": 1, "reference": 2}


def passes(model, maps, head):
    """(mean, standard error) over random masks, (n, z, y, x)."""
    values = []
    for _ in range(PASSES):
        masks = []
        for _, layer in model.dropouts():
            shape = (len(maps), layer.channels, 1, 1, 1)
            masks.append((torch.rand(shape) >= layer.rate).float() / (1 - layer.rate))
        values.append(model(maps, masks)[HEADS[head]][:, 0])
    values = torch.stack(values)
    return values.mean(0), torch.sqrt(values.var(0, unbiased=False) / PASSES)


def calibration_table(spread, error):
    """Monotone piecewise-linear table from predicted to true standard error."""
    order = np.argsort(spread)
    parts = np.array_split(order, BINS)
    x = np.array([np.median(spread[p]) for p in parts])
    y = np.array([np.sqrt(np.mean(error[p] ** 2)) for p in parts])
    y = np.maximum.accumulate(y)
    table = {0.0: float(f"{y[0]:.6g}")}
    for predicted, true in zip(x, y):
        table[float(f"{max(predicted, 1e-6):.6g}")] = float(f"{true:.6g}")
    return {"standardError": list(table), "calibrated": list(table.values())}


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--work", default="work")
    parser.add_argument("--head", choices=list(HEADS), default="full")
    parser.add_argument("--cubes", type=int, default=96)
    parser.add_argument("--edge", type=int, default=48)
    parser.add_argument("--out", default=str(Path(__file__).parent / "results/calibration.json"))
    options = parser.parse_args()
    torch.manual_seed(11)
    model, _ = load_network(options.checkpoint)
    source = CubeSource(Path(options.work) / "validation", seed=41, outside=0.05)
    spreads, errors = [], []
    core = slice(8, options.edge - 8)
    for _ in range(options.cubes // 4):
        maps, models, _ = source.batch(4, options.edge)
        mean, spread = passes(model, maps, options.head)
        spreads.append(spread[:, core, core, core].numpy().ravel()[::7])
        errors.append((mean - models[:, 0])[:, core, core, core].numpy().ravel()[::7])
    spread, error = np.concatenate(spreads), np.concatenate(errors)
    table = calibration_table(spread, error)
    calibrated = np.interp(spread, table["standardError"], table["calibrated"])
    z = error / calibrated
    print(f"{len(z)} voxels; rms of error / calibrated {np.sqrt(np.mean(z**2)):.3f}, "
          f"within 1: {np.mean(np.abs(z) < 1):.3f}, within 2: {np.mean(np.abs(z) < 2):.3f}")
    Path(options.out).write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
