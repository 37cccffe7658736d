"""Writes the trained network as ONNX with its manifest.

    python3 export.py --checkpoint work/checkpoints/run/last.pt --out ../src/network/bundled

One file, reference-network.onnx. Inputs: `map`, and the masks of dropout, (n, channels, 1, 1, 1):
all 1 without dropout; 0 or 1 / keepProbability, drawn by the caller, for Monte-Carlo passes.
Outputs: `reference` (used for scaling) and `enhanced` (the full prediction). check.mjs compares
with what torch computes.
"""

import argparse
import hashlib
import json
import subprocess
from pathlib import Path

import numpy as np
import torch

from network import ReferenceNetwork, parameter_count
from structures import digest_of_list

VERSION = "1.0.0"
DESCRIPTION = (
    "Local band-wise Wiener filter steered by a small U-Net, trained on maps simulated from "
    "real structures; predicts a model map with its local B factors. Not EMmerNet."
)


class Plain(torch.nn.Module):
    """The network as it is used: (reference, enhanced); which head is the reference is `head`."""

    def __init__(self, model, head):
        super().__init__()
        self.model, self.head = model, head

    def forward(self, x, *masks):
        part, full, reference = self.model(x, masks if masks else (None, None, None))
        return {"filter": part, "full": full, "reference": reference}[self.head], full


def load_network(path, averaged=True):
    """(network in evaluation mode, checkpoint)."""
    state = torch.load(path, map_location="cpu")
    config = state["config"]
    model = ReferenceNetwork(tuple(config["widths"]), config["rate"], tuple(config["blocks"]))
    model.load_state_dict(state["averaged" if averaged else "model"], strict=False)
    return model.eval().requires_grad_(False), state


def multiply_adds(model, edge=32):
    """GFLOP of all convolutions for one cube (two per multiply-add)."""
    total = 0

    def hook(layer, _, output):
        nonlocal total
        total += 2 * output.numel() * layer.weight[0].numel()

    hooks = [m.register_forward_hook(hook) for m in model.modules() if isinstance(m, torch.nn.Conv3d)]
    model(torch.zeros(1, 1, edge, edge, edge))
    for handle in hooks:
        handle.remove()
    return total / 1e9


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--data", default="../../shared")
    parser.add_argument("--head", choices=["filter", "full", "reference"], default="reference")
    parser.add_argument("--emphasis", type=float, default=1.0, help="strength of the emphasis head")
    parser.add_argument("--cube", type=int, default=48)
    parser.add_argument("--stride", type=int, default=32)
    parser.add_argument("--metrics", help="JSON of evaluate.py whose summary goes into the manifest")
    parser.add_argument("--calibration", help="JSON of calibrate.py")
    options = parser.parse_args()
    model, state = load_network(options.checkpoint)
    model.emphasis.weight *= options.emphasis
    model.emphasis.bias *= options.emphasis
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    wrapped = Plain(model, options.head).eval()
    axes = {0: "n", 2: "z", 3: "y", 4: "x"}
    example = torch.randn(2, 1, 32, 32, 32) * 0.1
    dropouts = model.dropouts()
    names = ["mask_" + name.replace("drop_", "") for name, _ in dropouts]
    masks = [
        (torch.rand(2, d.channels, 1, 1, 1) >= d.rate).float() / (1 - d.rate) for _, d in dropouts
    ]
    weights = out / "reference-network.onnx"
    torch.onnx.export(
        wrapped, (example, *masks), weights, opset_version=17,
        input_names=["map", *names], output_names=["reference", "enhanced"],
        dynamic_axes={"map": axes, "reference": axes, "enhanced": axes} | {n: {0: "n"} for n in names},
    )
    check = Path(options.checkpoint).parent / "check"
    check.mkdir(exist_ok=True)
    wide = torch.randn(1, 1, 48, 24, 56) * 0.1
    wide = torch.nn.functional.avg_pool3d(wide, 3, stride=1, padding=1)
    small = example[:1, :, :16, :16, 8:24].contiguous()
    cases = []
    ones = [torch.ones(1, d.channels, 1, 1, 1) for _, d in dropouts]
    for k, (x, m) in enumerate([(small, ones), (example, masks), (wide, ones)]):
        result = wrapped(x, *m)
        for label, tensor in zip(["map", *names, "reference", "enhanced"], [x, *m, *result]):
            tensor.numpy().astype(np.float32).tofile(check / f"{k}-{label}.bin")
        cases.append({n: list(t.shape) for n, t in zip(["map", *names], [x, *m])})
    (check / "cases.json").write_text(json.dumps(cases))

    log = state["log"]
    metrics = json.loads(Path(options.metrics).read_text())["summary"] if options.metrics else {}
    calibration = json.loads(Path(options.calibration).read_text()) if options.calibration else None
    settings = {k: v for k, v in state["options"].items() if k not in ("work", "name", "threads", "device")}
    file = {"file": weights.name, "sha256": sha256(weights), "bytes": weights.stat().st_size}
    manifest = {
        "format": 1,
        "name": "locscale-gpu-reference",
        "title": "bundled reference network",
        "version": VERSION,
        "description": DESCRIPTION,
        "architecture": "onnx",
        "source": "trained by training/ of locscale-gpu",
        "sourceSha256": file["sha256"],
        "licence": "BSD-3-Clause",
        "files": {"plain": file, "monteCarlo": file},
        "parameters": parameter_count(model),
        "gflopPerCube": round(multiply_adds(model, options.cube), 3),
        "input": "map",
        "output": "reference",
        "enhancedOutput": "enhanced",
        "axes": "n, 1, z, y, x; edges are multiples of 8",
        "voxelSizeAngstrom": 1,
        "trainedResolution": {"finest": 2.3, "coarsest": 8},
        "standardisation": "mean-10sd",
        "outputs": {
            "reference": {"head": options.head, "use": "reference map for local scaling"},
            "enhanced": {"head": "full", "use": "the full prediction: filter plus correction"},
        },
        "outputUnits": "10 sd of the model map",
        "cubeEdge": options.cube,
        "stride": options.stride,
        "dropout": [{"input": n, "channels": d.channels, "shape": [d.channels, 1, 1, 1],
                     "keepProbability": round(1 - d.rate, 6)}
                    for n, (_, d) in zip(names, dropouts)],
        "training": settings | {
            "network": state["config"], "steps": state["step"], "cubes32": round(state["cubes"]),
            "minutes": round(state["elapsed"] / 60, 1), "maps": log["maps"],
            "emphasis": (state.get("emphasis") or {}) | {"strength": options.emphasis},
            "dataListSha256": digest_of_list(Path(options.data) / "structures"),
            "splitSha256": sha256(Path(__file__).parent / "split.json"),
        },
        "validation": log["validation"],
        "metrics": metrics,
    }
    if calibration:
        manifest["calibration"] = calibration
    (out / "reference-network.json").write_text(json.dumps(manifest, indent=2) + "\n")
    print(json.dumps({k: manifest[k] for k in ("parameters", "gflopPerCube", "files")}, indent=1))
    subprocess.run(["node", str(Path(__file__).parent / "check.mjs"), str(weights), str(check)], check=True)


if __name__ == "__main__":
    main()
