"""Trains the reference network on simulated maps.

    python3 train.py --work work --minutes 90            (or --stop-at 22:30)
    python3 train.py --work work --steps 60000 --device cuda

The learning rate follows a cosine that ends with the time or the steps given.
Checkpoints are written every few minutes; the same command goes on from the last one
(the cosine then covers what was done and what is left). Curves go to log.jsonl.
"""

import argparse
import copy
import datetime
import json
import time
from pathlib import Path

import numpy as np
import torch

from cubes import CubeSource
from losses import learning_rate, profile_error, relative_error, tamed
from network import ReferenceNetwork, flatten_bands, parameter_count


def seconds_until(clock):
    """Seconds from now to the next HH:MM."""
    now = datetime.datetime.now()
    hour, minute = map(int, clock.split(":"))
    then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if then <= now:
        then += datetime.timedelta(days=1)
    return (then - now).total_seconds()


def validation_set(folder, count, edge):
    """A fixed set of cubes: (maps, models, resolutions)."""
    source = CubeSource(folder, seed=99, outside=0.05)
    maps, models, records = source.batch(count, edge)
    return maps, models, torch.tensor([r["resolution"] for r in records])


@torch.no_grad()
def validate(model, data, device, batch=16):
    """Mean relative errors and profile errors, over all and by resolution."""
    model.eval()
    maps, models, resolutions = data
    rows = []
    for i in range(0, len(maps), batch):
        x, y = maps[i : i + batch].to(device), models[i : i + batch].to(device)
        r = resolutions[i : i + batch].to(device)
        part, full, _ = model(x)
        rows.append(torch.stack([
            relative_error(part, y), relative_error(full, y),
            profile_error(part, y, r), profile_error(full, y, r),
        ], 1).cpu())
    model.train()
    rows = torch.cat(rows)
    names = ("filter", "full", "filterProfile", "fullProfile")
    result = {name: round(float(rows[:, k].mean()), 5) for k, name in enumerate(names)}
    for low, high in ((2, 3.2), (3.2, 4.5), (4.5, 9)):
        chosen = (resolutions >= low) & (resolutions < high)
        if chosen.any():
            result[f"{low}-{high}"] = [round(float(v), 4) for v in rows[chosen].mean(0)]
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", default="work")
    parser.add_argument("--name", default="run", help="folder of checkpoints under the work folder")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--minutes", type=float, help="length of the run, earlier parts not counted")
    parser.add_argument("--stop-at", help="wall-clock time HH:MM instead of a length")
    parser.add_argument("--steps", type=int, help="number of steps instead of a time")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--edge", type=int, default=32)
    parser.add_argument("--late-edge", type=int, default=32, help="edge in the last part of the run")
    parser.add_argument("--late-from", type=float, default=0.6)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--widths", type=int, nargs=3, default=(32, 96, 128))
    parser.add_argument("--blocks", type=int, nargs=3, default=(1, 1, 1))
    parser.add_argument("--profile", type=float, default=0.05, help="weight of the profile term")
    parser.add_argument("--average", type=float, default=0.999, help="decay of the weight average")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--save-minutes", type=float, default=4)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    device = torch.device(options.device)
    folder = Path(options.work) / "checkpoints" / options.name
    folder.mkdir(parents=True, exist_ok=True)

    model = ReferenceNetwork(tuple(options.widths), options.dropout, tuple(options.blocks)).to(device)
    # The emphasis head is trained afterwards, by emphasise.py.
    trained = [p for name, p in model.named_parameters() if not name.startswith("emphasis")]
    optimiser = torch.optim.AdamW(trained, lr=options.rate, weight_decay=1e-3)
    averaged = copy.deepcopy(model).requires_grad_(False)
    step, cubes, elapsed = 0, 0, 0.0
    checkpoint = folder / "last.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device)
        model.load_state_dict(state["model"], strict=False)
        averaged.load_state_dict(state["averaged"], strict=False)
        optimiser.load_state_dict(state["optimiser"])
        step, cubes, elapsed = state["step"], state["cubes"], state["elapsed"]
    source = CubeSource(Path(options.work) / "train", seed=[options.seed, step])
    held = validation_set(Path(options.work) / "validation", 192, 32)
    left = seconds_until(options.stop_at) if options.stop_at else (options.minutes or 90) * 60
    began, earlier = time.time(), elapsed
    print(f"{parameter_count(model)} parameters, {len(source.maps)} maps, step {step}", flush=True)

    usual = 1.0
    sums, count, saved = np.zeros(4), 0, time.time()
    while True:
        elapsed = earlier + time.time() - began
        progress = step / options.steps if options.steps else elapsed / (earlier + left)
        done = progress >= 1
        if done or time.time() - saved > options.save_minutes * 60:
            saved = time.time()
            record = {"step": step, "cubes": cubes, "seconds": round(elapsed), "progress": round(progress, 4),
                      "loss": [round(float(v), 5) for v in sums / max(count, 1)],
                      "maps": len(source.maps), "validation": validate(averaged, held, device)}
            sums, count = np.zeros(4), 0
            with open(folder / "log.jsonl", "a") as stream:
                stream.write(json.dumps(record) + "\n")
            print(json.dumps(record), flush=True)
            torch.save({"model": model.state_dict(), "averaged": averaged.state_dict(),
                        "optimiser": optimiser.state_dict(), "config": model.config, "step": step,
                        "cubes": cubes, "elapsed": elapsed, "options": vars(options), "log": record},
                       folder / "new.pt")
            (folder / "new.pt").rename(checkpoint)
            source.refresh()
        if done:
            break
        late = progress >= options.late_from
        edge = options.late_edge if late else options.edge
        size = max(2, round(options.batch * options.edge**3 / edge**3))
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(progress, options.rate)
        maps, models, records = source.batch(size, edge)
        maps, models = maps.to(device), models.to(device)
        resolutions = torch.tensor([r["resolution"] for r in records], device=device)
        with torch.no_grad():
            flat, powers = flatten_bands(maps)
        with torch.autocast(device.type, torch.bfloat16):
            part, full, _ = model.predict(flat, powers)
        part, full = part.float(), full.float()
        errors = [tamed(relative_error(part, models)), tamed(relative_error(full, models))]
        if options.profile > 0:
            errors += [tamed(profile_error(part, models, resolutions)),
                       tamed(profile_error(full, models, resolutions))]
        loss = 0.5 * (errors[0] + errors[1]) + options.profile * sum(errors[2:])
        # A batch far off the rest (an almost empty map, say) teaches nothing: left out.
        value = float(loss)
        if not value < 4 * usual:
            continue
        usual += 0.02 * (value - usual)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        step, cubes = step + 1, cubes + size * (edge / 32) ** 3
        decay = min(options.average, (1 + step) / (20 + step))
        with torch.no_grad():
            for kept, new in zip(averaged.parameters(), model.parameters()):
                kept.lerp_(new, 1 - decay)
        sums[: len(errors)] += [float(e) for e in errors]
        count += 1


if __name__ == "__main__":
    main()
