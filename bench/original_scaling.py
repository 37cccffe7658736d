"""Times the original program's window loop on a sample of voxels.

Job as JSON on standard input, result as JSON on standard output:
  checkout            folder of the original program
  map, reference      raw float32 files, (z, y, x), x fastest
  shape               [nz, ny, nx]
  window, apix        voxels, angstrom
  voxels              list of [z, y, x], all at least window / 2 from the faces
  theoretical         whether average profiles are blended in
  arguments           cut-offs, as the original names them
  profile             {"freq": [...], "profile": [...]}: the average profile, same for both programs

Only its scaling module is imported. Needs python3-numpy, -scipy, -mrcfile, -gemmi, -sklearn, -pandas, -tqdm.
"""
import contextlib
import json
import os
import pickle
import sys
import tempfile
import time

import numpy as np


def main():
    job = json.load(sys.stdin)
    sys.path.insert(0, job["checkout"])
    # Its progress bar and messages go to standard output, which carries our result.
    with contextlib.redirect_stdout(sys.stderr), tempfile.TemporaryDirectory() as folder:
        from locscale import __version__
        from locscale.utils import file_tools, scaling_tools

        # The original reads its average profile from a file for every voxel; it gets ours that way.
        os.makedirs(os.path.join(folder, "locscale", "utils"))
        with open(os.path.join(folder, "locscale", "utils", "theoretical_profiles.pickle"), "wb") as file:
            profile = {key: np.array(values) for key, values in job["profile"].items()}
            pickle.dump({"helix": profile}, file)
        file_tools.get_locscale_path = lambda: folder

        read = lambda path: np.fromfile(path, dtype=np.float32).reshape(job["shape"])
        dictionary = {
            "emmap": read(job["map"]),
            "modmap": read(job["reference"]),
            "wn": job["window"],
            "apix": job["apix"],
            "masked_xyz_locs": np.array(job["voxels"]),
            "use_theoretical_profile": job["theoretical"],
            "scale_factor_arguments": job["arguments"],
            "complete_model": False,
            "measure_bfactors": False,
            "use_mpi": False,
            "processing_files_folder": folder,
        }
        run = scaling_tools.get_central_scaled_pixel_vals_after_scaling
        run({**dictionary, "masked_xyz_locs": dictionary["masked_xyz_locs"][:5]})
        start = time.perf_counter()
        result = run(dictionary)
        seconds = time.perf_counter() - start
    values = [float(value) for value in result["sharpened_vals"]]
    json.dump({"version": str(__version__), "seconds": seconds, "values": values}, sys.stdout)


main()
