"""Measures a network on structures it never saw and on real maps with models.

    python3 evaluate.py --data ../../shared --work work --network ../src/network/bundled/reference-network.onnx
    python3 evaluate.py --table results/test.json --fill ../docs/network.md

    python3 evaluate.py --part validation --out work/validation.json      # what choices are made by

For every case, inside the mask (within 3 A of an atom) against the model map with its
local B factors: (a) the raw average, (b) the best single B with FSC weighting (searched
for the highest correlation) and the Guinier estimate, (c) local scaling with the
network's reference, (d) local scaling with the true model map, (e) the bare prediction.
Local scaling is done by the program itself (--cli), in a mask 4 A wider than the one
judged; (c) and (d) are also judged after the weighting that (b) has (sqrt(2 FSC / (1 + FSC)),
low-pass at the resolution for maps without half maps): `scaledWeighted`, `trueWeighted`; and after
that weighting and a best single B, all that (b) has: `scaledBest`, `trueBest`. The share of a gap closed is
(c-b)/(d-b), where (d) is better than (b) at all.
Cases that are in the result file already are not measured again.
"""

import argparse
import json
import subprocess
import time
from pathlib import Path

import mrcfile
import numpy as np
from scipy.ndimage import binary_dilation

from measures import (
    best_global, correlation, fourier_shell_correlation, crossing, fsc_weight, guinier_b,
    local_b_factors, low_pass, map_model_resolution, sharpened,
)
from noise import draw_shape, measured_spectra
from realmaps import REAL, read_real
from simulate import simulate, standardise
from structures import atom_mask, list_structures, read_structure
from tables import fill, summary, summary_table, table, treatment_table

HERE = Path(__file__).parent


def evaluation_recipe(rng, spectra, resolution, experimental):
    """Half maps at a given resolution. Deposited B factors are shifted; those of crystal
    structures are scaled to a standard deviation of 25 A^2, the middle of the cryo-EM entries
    of the set. On all, B rises smoothly by up to 80 A^2 away from a random atom: a crystal, and
    a refinement of side chains, hide the motion that makes maps locally different."""
    text, shape = draw_shape(rng, spectra)
    return {
        "resolution": resolution, "overall_b": 30 + 5 * resolution**2,
        "spread_b": 0.0 if experimental else 25.0, "field_b": 80.0, "noise": text, "shape": shape,
        "noise_factor": 1.0, "anisotropy": 0.0, "solvent_contrast": 0.25, "solvent_b": 250.0,
        "belt": False, "padding": 1.4, "pixel": 0.0, "masking": "none", "processed": False,
    }


def write_map(path, values, pixel):
    with mrcfile.new(path, overwrite=True) as target:
        target.set_data(np.ascontiguousarray(values, dtype=np.float32))
        target.voxel_size = pixel


def predict(network, values, mask, folder, edge, stride):
    """Outputs of an ONNX network over a whole map on the 1 A grid: {output: map}, timing."""
    values.astype(np.float32).tofile(folder / "net-map.bin")
    mask.astype(np.uint8).tofile(folder / "net-mask.bin")
    size = ",".join(map(str, values.shape))
    done = subprocess.run(
        ["node", str(HERE / "infer.mjs"), str(network), str(folder / "net-map.bin"),
         str(folder / "net-mask.bin"), size, str(edge), str(stride), str(folder / "net")],
        check=True, capture_output=True, text=True,
    )
    outputs = {p.stem[4:]: np.fromfile(p, np.float32).reshape(values.shape)
               for p in folder.glob("net-*.bin") if p.stem not in ("net-map", "net-mask")}
    for name in outputs:
        (folder / f"net-{name}.bin").unlink()
    return outputs, json.loads(done.stdout)


def scale(cli, folder, values, reference, mask, pixel):
    """The program's local scaling of a map with a reference, in a mask wider than the one given, so that
    a filter afterwards does not see its edge."""
    mask = binary_dilation(mask, iterations=max(1, round(4 / pixel)))
    for name, array in (("map", values), ("reference", reference), ("mask", mask)):
        write_map(folder / f"{name}.mrc", array, pixel)
    out = folder / "scaled.mrc"
    command = ["node", str(cli), "-em", "map.mrc", "-mm", "reference.mrc", "-ma", "mask.mrc", "-o", str(out),
               "--engine", "cpu", "-np", "2"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    with mrcfile.open(out) as source:
        return np.array(source.data)


def judge(case, array):
    """Correlation and FSC = 0.5 of a map with the case's model, inside the mask."""
    return {
        "cc": round(correlation(array, case["model"], case["mask"]), 4),
        "fsc05": round(map_model_resolution(array, case["model"], case["mask"], case["pixel"]), 2),
    }


def judge_further(case, scaled, label, key=""):
    """A scaled map as (b) is treated: weighted alone, and weighted with the best single B as well."""
    weighted = sharpened(scaled, case["pixel"], 0, case["weight"])
    best, b = best_global(scaled, case["model"], case["mask"], case["pixel"], case["weight"])
    return {f"{label}Weighted{key}": judge(case, weighted),
            f"{label}Best{key}": judge(case, best) | {"b": round(b)}}


def measure_fixed(case, options, folder):
    """What does not depend on the network measured: (a), (b), (d), true local B factors."""
    values, model, mask, pixel = case["map"], case["model"], case["mask"], case["pixel"]
    result = {k: case[k] for k in ("name", "class", "resolution", "pixel", "about")}
    result["raw"] = judge(case, values)
    best, b = best_global(values, model, mask, pixel, case["weight"])
    result["global"] = judge(case, best) | {"b": round(b)}
    b = guinier_b(values, mask, pixel, case["resolution"])
    result["guinier"] = judge(case, sharpened(values, pixel, b, case["weight"])) | {"b": round(b)}
    measure_true(case, result, options, folder)
    rng = np.random.default_rng(0)
    inside = np.argwhere(mask)
    points = inside[rng.choice(len(inside), min(400, len(inside)), replace=False)]
    truth = local_b_factors(model, points, pixel, case["resolution"])
    result["localBsd"] = round(float(truth.std()), 1)
    private = {"points": points.tolist(), "truth": truth.tolist()}
    if options.baseline:
        result["baseline"] = measure_network(
            case, private, options.baseline, (32, 16), options, folder, heads=("reference",)
        )
    return result, private


def measure_true(case, result, options, folder):
    """(d): local scaling with the true model map, as it is and weighted."""
    scaled = scale(options.cli, folder, case["map"], case["model"], case["mask"], case["pixel"])
    result["true"] = judge(case, scaled)
    result |= judge_further(case, scaled, "true")


def measure_network(case, private, network, cubes, options, folder, heads):
    """(c), (e) and the local B factors of one network. `cubes`: edge and
    stride. `heads`: outputs that local scaling is done with; of others only the bare prediction is judged."""
    grid = standardise(case["map1A"])
    outputs, timing = predict(network, grid, case["mask1A"], folder, *cubes)
    found = {"timing": timing}
    points, truth = np.array(private["points"]), np.array(private["truth"])
    for name, array in outputs.items():
        key = "" if name == "reference" else f"-{name}"
        array = case["back"](array)
        found[f"bare{key}"] = judge(case, array)
        ours = local_b_factors(array, points, case["pixel"], case["resolution"])
        found[f"localB{key}"] = round(float(np.corrcoef(ours, truth)[0, 1]), 3)
        found[f"localBoffset{key}"] = round(float((ours - truth).mean()), 1)
        if name in heads:
            scaled = scale(options.cli, folder, case["map"], array, case["mask"], case["pixel"])
            found[f"scaled{key}"] = judge(case, scaled)
            if not options.quick:
                found |= judge_further(case, scaled, "scaled", key)
            if options.weighted_input:
                values = sharpened(case["map"], case["pixel"], 0, case["weight"])
                scaled = scale(options.cli, folder, values, array, case["mask"], case["pixel"])
                found[f"scaledOfWeighted{key}"] = judge(case, scaled)
    return found


def measure(case, options, folder):
    """All figures of one case; what is fixed is kept in the work folder. None with --prepare."""
    slug = "".join(c if c.isalnum() else "-" for c in case["name"])
    cache = folder.parent / "fixed" / f"{slug}.json"
    if cache.exists():
        result, private = json.loads(cache.read_text())
        if "trueBest" not in result:
            measure_true(case, result, options, folder)
            cache.write_text(json.dumps([result, private]))
    else:
        result, private = measure_fixed(case, options, folder)
        cache.parent.mkdir(exist_ok=True)
        cache.write_text(json.dumps([result, private]))
    if options.prepare:
        return None
    heads = ("reference", "enhanced") if options.all_heads else ("reference",)
    cubes = (options.edge, options.stride)
    result["network"] = measure_network(case, private, options.network, cubes, options, folder, heads)
    return result


def read_simulated(name, resolution, kind, row, options, spectra):
    """A structure as half maps at a resolution; class `deposited`: as a sharpened, masked, low-passed map."""
    seed = [77, sum(map(ord, name)), round(10 * resolution)]
    rng = np.random.default_rng(seed)
    structure = read_structure(Path(options.data) / "structures" / row["file"])
    recipe = evaluation_recipe(rng, spectra, resolution, "ELECTRON" in row["method"])
    deposited = kind == "deposited"
    if deposited:
        recipe["deposited"] = {
            "factor": float(rng.uniform(0.6, 1.2)), "weighted": bool(rng.random() < 0.6),
            "cut": float(rng.uniform(0.9, 1.1)), "width": float(rng.uniform(0.008, 0.025)),
        }
        recipe["masking"] = str(rng.choice(["none", "solvent", "tight"]))
    made = simulate(structure, recipe, rng, halves=2)
    average = (made["maps"][0] + made["maps"][1]) / 2
    mask = atom_mask(made["positions"], made["size"], 3.0)
    measured = crossing(*fourier_shell_correlation(*made["maps"], 1.0), 0.143)
    return {
        "name": f"{name} {resolution} A{' deposited' if deposited else ''}", "class": kind, "resolution": resolution, "pixel": 1.0,
        "about": f"box {made['size']}, FSC 0.143 at {measured:.2f} A, B sd {made['b_factors'].std():.0f}, "
                 f"{recipe['noise']}", "map": average, "model": made["model"],
        "mask": mask, "weight": low_pass(resolution) if deposited else fsc_weight(*made["maps"], 1.0), "map1A": average, "mask1A": mask,
        "back": lambda array: array,
    }


def test_cases(split):
    """(structure, resolution, class): every structure at one resolution, in turn, and a few
    of the special classes at a second one."""
    levels = [2.5, 3.5, 4.5, 6.0]
    cases = []
    for kind, names in split["testClasses"].items():
        for k, name in enumerate(names):
            cases.append((name, levels[(k + len(kind)) % 4], kind))
    extra = [("4gxy", 3.5, "nucleic"), ("1kx5", 2.5, "nucleic"), ("7cec", 6.0, "flexible"),
             ("2src", 6.0, "protein")]
    return cases + extra


def validation_cases(split):
    """The validation structures: each as half maps at one resolution, most also as a deposited map at another."""
    levels = [2.5, 3.5, 4.5, 6.0]
    names = split["validation"]
    cases = [(name, levels[k % 4], "halves") for k, name in enumerate(names)]
    return cases + [(name, levels[(k + 1) % 4], "deposited") for k, name in enumerate(names[:9])]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="../../shared")
    parser.add_argument("--work", default="work")
    parser.add_argument("--network", default=str(HERE / "../src/network/bundled/reference-network.onnx"))
    parser.add_argument("--baseline", help="a second ONNX network to measure alike")
    parser.add_argument("--cli", default=str((HERE / "../dist/cli.js").resolve()))
    parser.add_argument("--edge", type=int, default=48)
    parser.add_argument("--stride", type=int, default=32)
    parser.add_argument("--all-heads", action="store_true", help="scale with both outputs")
    parser.add_argument("--prepare", action="store_true", help="only what does not depend on the network")
    parser.add_argument("--quick", action="store_true", help="scaled maps only as they are, not weighted")
    parser.add_argument("--weighted-input", action="store_true", help="also scale the map weighted beforehand")
    parser.add_argument("--part", choices=["test", "real", "validation"], nargs="+", default=["test", "real"])
    parser.add_argument("--only", nargs="+", help="names of cases")
    parser.add_argument("--out", default=str(HERE / "results/test.json"))
    parser.add_argument("--table", help="print the tables of a result file and do nothing else")
    parser.add_argument("--fill", help="with --table: a page whose marked tables are replaced instead")
    options = parser.parse_args()
    if options.table:
        content = json.loads(Path(options.table).read_text())
        means = summary(content["cases"])
        tables = {"cases": table(content["cases"]), "means": summary_table(means), "treatments": treatment_table(means)}
        if options.fill:
            page = Path(options.fill)
            page.write_text(fill(page.read_text(), tables))
        else:
            print(*tables.values(), sep="\n\n")
        return
    out = Path(options.out)
    rows = json.loads(out.read_text())["cases"] if out.exists() else []
    known = {r["name"] for r in rows}
    folder = (Path(options.work) / "evaluation" / out.stem).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    structures = {r["id"]: r for r in list_structures(Path(options.data) / "structures")}
    spectra = measured_spectra(options.data)
    todo = []
    if "test" in options.part:
        split = json.loads((HERE / "split.json").read_text())
        for name, level, kind in test_cases(split):
            todo.append((f"{name} {level} A", lambda n=name, d=level, k=kind: read_simulated(
                n, d, k, structures[n], options, spectra)))
    if "validation" in options.part:
        split = json.loads((HERE / "split.json").read_text())
        for name, level, kind in validation_cases(split):
            label = f"{name} {level} A" + (" deposited" if kind == "deposited" else "")
            todo.append((label, lambda n=name, d=level, k=kind: read_simulated(
                n, d, k, structures[n], options, spectra)))
    if "real" in options.part:
        for real in REAL:
            todo.append((real["name"], lambda r=real: read_real(r, options.data, low_pass)))
    for name, read in todo:
        if name in known or (options.only and name not in options.only):
            continue
        began = time.time()
        row = measure(read(), options, folder)
        if row is None:
            print(name, round(time.time() - began), "s", flush=True)
            continue
        row["seconds"] = round(time.time() - began)
        rows.append(row)
        print(json.dumps(row), flush=True)
        out.write_text(json.dumps({"summary": summary(rows), "cases": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
