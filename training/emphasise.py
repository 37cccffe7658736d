"""Second part of the training: the emphasis head, with all the rest fixed.

    python3 emphasise.py --checkpoint work/checkpoints/run/last.pt --work work --minutes 10

The reference is judged by what local scaling makes of the map with it (scaling.py). The
checkpoint is written anew beside the old one, as final.pt.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from cubes import CubeSource
from export import load_network
from losses import learning_rate
from network import flatten_bands
from scaling import scaling_error
from train import seconds_until

CORNERS = [(z, y, x) for z in (0, 6) for y in (0, 6) for x in (0, 6)]


@torch.no_grad()
def compare(model, data):
    """Mean scaling errors on held cubes with: filter, full prediction, reference, true model map."""
    rows = []
    for maps, models in data:
        part, full, reference = model(maps)
        rows.append([float(scaling_error(maps, r, models, CORNERS)) for r in (part, full, reference, models)])
    return [round(float(v), 4) for v in np.mean(rows, 0)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--work", default="work")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--stop-at")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=8e-3)
    parser.add_argument("--start", help="checkpoint whose emphasis head is gone on with")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=8)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    model, state = load_network(options.checkpoint)
    model.to(device)
    if options.start:
        model.emphasis.load_state_dict(load_network(options.start)[0].emphasis.state_dict())
    head = list(model.emphasis.parameters())
    for parameter in head:
        parameter.requires_grad_(True)
    optimiser = torch.optim.Adam(head, lr=options.rate)
    source = CubeSource(Path(options.work) / "train", seed=[options.seed, 1], outside=0.0)
    held = CubeSource(Path(options.work) / "validation", seed=98, outside=0.0)
    data = [tuple(t.to(device) for t in held.batch(8, 32)[:2]) for _ in range(16)]
    before = compare(model, data)
    print("before", before, flush=True)
    left = seconds_until(options.stop_at) if options.stop_at else options.minutes * 60
    began, step, total = time.time(), 0, 0.0
    while (progress := (time.time() - began) / left) < 1:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(progress, options.rate)
        maps, models, _ = source.batch(options.batch, 32)
        maps, models = maps.to(device), models.to(device)
        with torch.no_grad():
            flat, powers = flatten_bands(maps)
        with torch.autocast(device.type, torch.bfloat16):
            reference = model.predict(flat, powers)[2]
        loss = scaling_error(maps, reference.float(), models, CORNERS)
        if not loss.requires_grad:
            continue
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head, 0.5)
        optimiser.step()
        step, total = step + 1, total + float(loss)
        if step % 50 == 0:
            print(step, round(total / 50, 4), flush=True)
            total = 0.0
    after = compare(model, data)
    print("after", after, flush=True)
    state["averaged"] = model.state_dict()
    state["emphasis"] = {"steps": step, "minutes": round((time.time() - began) / 60, 1), "rate": options.rate,
                         "scalingError": dict(zip(("filter", "full", "reference", "trueModel"), after)),
                         "referenceBefore": before[2]}
    torch.save(state, Path(options.checkpoint).parent / "final.pt")
    print(json.dumps(state["emphasis"]))


if __name__ == "__main__":
    main()
