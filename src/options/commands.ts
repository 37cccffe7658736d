/** What each command does and how it is called. */
import type { CommandName } from './definition.ts';

/** What the help of a command prints above its options. */
interface CommandHelp {
  readonly summary: string;
  /** Command lines, one per line of the help; capitals stand for what the user fills in. */
  readonly usage: readonly string[];
  /** A paragraph about results and defaults. */
  readonly text?: string;
}

/**
 * In the order in which the help lists the commands. A command without options here is called by its name
 * alone.
 */
export const commandHelp: Record<CommandName, CommandHelp> = {
  scale: {
    summary: 'Scale the local amplitudes of a map to those of a reference.',
    usage: [
      'locscale-gpu -hm HALF1 HALF2 [-o FILE] [options]',
      'locscale-gpu -em MAP [-o FILE] [options]',
      'locscale-gpu -hm HALF1 HALF2 -mm REFERENCE [-ma MASK] [options]',
      'locscale-gpu -em MAP --no_reference [options]',
    ],
    text:
      'Without a reference the amplitudes are those of an average protein, or, once EMmerNet is ' +
      'imported, of what it predicts. Writes the scaled map on the grid of the input, and <outfile ' +
      'stem>.json with all parameters, numbers and timings.',
  },
  feature_enhance: {
    summary: 'Enhance features with the network, with a measure of their reliability.',
    usage: [
      'locscale-gpu feature_enhance -hm HALF1 HALF2 [-o FILE] [options]',
      'locscale-gpu feature_enhance -em MAP [-o FILE] [options]',
    ],
    text:
      'Writes the mean map over Monte-Carlo passes of the network, and next to it <outfile ' +
      'stem>_baseline.mrc (the map scaled with the mean as reference), _variance.mrc, _pVDDT.mrc ' +
      '(-100 ... 100: how significant the difference between the two is), a ChimeraX file .cxc and ' +
      'the record .json.',
  },
  fsc: {
    summary: 'Fourier shell correlation of two half maps.',
    usage: ['locscale-gpu fsc HALF1 HALF2 [-ma MASK | --auto_mask] [-o curve.json|.xml|.star]'],
    text:
      'Prints the resolution at 0.143 and 0.5 and the curve. With a mask also the curve within it, ' +
      'the curve of the masked maps with random phases beyond where the unmasked FSC falls below ' +
      '0.8, and the corrected curve (Chen et al. 2013), as in RELION and servalcat. -o writes ' +
      "JSON, the XML of the EMDB (of the corrected curve, if there is one), or RELION's " +
      'postprocess.star.',
  },
  mask: {
    summary: 'Make a mask by confidence, density, atoms or zeros of a map, or modify one.',
    usage: [
      'locscale-gpu mask MAP [-o mask.mrc] [options]',
      'locscale-gpu mask -hm HALF1 HALF2 [-o mask.mrc] [options]',
      'locscale-gpu mask MAP --threshold DENSITY | --non_zero | -mc MODEL [--radius A] [options]',
    ],
    text:
      'By default the mask is where the map stands out from its noise (false-discovery rate), and ' +
      'the confidence map <outfile stem>_confidence.mrc is written next to it. Operations follow ' +
      'in this order: --unite, --intersect, --subtract, --fill_holes, --keep, --extend, ' +
      '--soft_edge, --invert. Prints the volume, and the mass of protein that would fill it. To ' +
      'modify an existing mask, give it as the map with --threshold 0.5.',
  },
  locres: {
    summary: 'Local resolution of two half maps, at every voxel of the mask.',
    usage: ['locscale-gpu locres -hm HALF1 HALF2 [-ma MASK] [-o localres.mrc] [options]'],
    text:
      'The FSC of the half maps in a window around every voxel gives the local resolution ' +
      '(angstrom; 0 outside the mask). Also written: <outfile stem>_filtered.mrc, the mean of the ' +
      'half maps low-passed at the resolution of each voxel, a ChimeraX file .cxc that colours it, ' +
      'and the record .json.',
  },
  postprocess: {
    summary: 'Sharpen a map by one B factor, weighted by the FSC within a mask.',
    usage: [
      'locscale-gpu postprocess -hm HALF1 HALF2 [-ma MASK] [-o postprocess.mrc] [options]',
      'locscale-gpu postprocess -em MAP -res A [-ma MASK] [options]',
    ],
    text:
      'The FSC within the mask, corrected for it by random phases, gives the resolution and the ' +
      'weights; the Guinier plot between 10 A and the resolution gives the B factor. Also written: ' +
      '<outfile stem>_masked.mrc, the mask <outfile stem>_mask.mrc if none is given, the curves in ' +
      "the format of RELION's postprocess.star, <outfile stem>.star, a ChimeraX file .cxc and the " +
      'record .json. To compare with local scaling in one run, scale with --also global.',
  },
  assess: {
    summary: 'Is a map better? Maps side by side, compared with a model and each other.',
    usage: [
      'locscale-gpu assess MAP -mc MODEL [--against MAP2 ...] [-hm HALF1 HALF2] [-o assess.csv] [options]',
      'locscale-gpu assess -hm HALF1 HALF2 -mc MODEL [--against MAP ...] [options]',
    ],
    text:
      'Prints for each map the FSC with the map of the model within the mask (0.5, 0.143), the ' +
      'correlation in it (CC_mask of Phenix), the mean Q-score and the Guinier B. Written are the ' +
      'scores per residue and <outfile stem>_atoms.csv, _curves.csv, _scores.json, ' +
      '_local_correlation.mrc of further maps with the first, attributes and a file for ChimeraX ' +
      'that colours the model by Q (.defattr, .cxc), and the record .json.',
  },
  resample: {
    summary: 'Put a map on another grid: voxel size, box, place, that of another map.',
    usage: [
      'locscale-gpu resample MAP --voxel_size A | --box N [--center X,Y,Z | --origin X,Y,Z] [-o FILE]',
      'locscale-gpu resample MAP --like OTHER [-o FILE]',
      'locscale-gpu resample MAP --crop_to_mask MASK [--padding A] [-o FILE]',
    ],
    text:
      'Where old and new voxels coincide they are copied as they are; else the map is resampled ' +
      'and moved by its Fourier transform. Its place in space stays, so that models still fit. ' +
      'What the map does not reach is the mean over the faces of its box; 0 with --as_mask.',
  },
  symmetrise: {
    summary: 'Average a map over a point group or a helix.',
    usage: [
      'locscale-gpu symmetrise MAP -sym GROUP [-o FILE] [--sym_center Z,Y,X]',
      'locscale-gpu symmetrise MAP --twist DEGREES --rise ANGSTROM [-sym GROUP] [-o FILE]',
    ],
    text:
      "Groups are in RELION's setting: axis of C<n> and D<n> along z, 2-fold of D<n> along x, I is " +
      'I2. Operators that map the grid onto itself move voxels without interpolation. If the map ' +
      'does not have the symmetry a warning states the likely cause: another group, axis, centre ' +
      'or hand.',
  },
  symmetry: {
    summary: 'Find the point group of a map, its axis and its centre.',
    usage: [
      'locscale-gpu symmetry MAP [-ma MASK] [--sym_center Z,Y,X]',
      'locscale-gpu symmetry -hm HALF1 HALF2',
    ],
    text:
      'Compares a small low-passed copy of the map with rotated copies of itself: first about the ' +
      'axis along z, then about every direction, through the middle of the box and through the ' +
      'centre of the density. Prints the correlation for each fold about the axis found, the ' +
      'group, and the centre for --sym_center if it is not the middle of the box.',
  },
  validate: {
    summary: 'List every deviation of map files from the MRC2014 format.',
    usage: ['locscale-gpu validate FILE ...'],
  },
  demo: {
    summary: 'Run the main job on a structure generated by the program itself.',
    usage: ['locscale-gpu demo [-o FOLDER] [--seed N]'],
  },
  page: {
    summary: 'Serve the page that sharpens maps in a browser, on this machine only.',
    usage: ['locscale-gpu page [--port N]'],
    text:
      'Prints the address to open, and runs until it is stopped (Ctrl-C). The browser computes, on ' +
      'its GPU or on all cores; maps are dropped on the page and stay on the computer that the ' +
      'browser runs on.',
  },
  app: {
    summary: 'Serve the page on this machine, which computes and has the files.',
    usage: ['locscale-gpu app [--root FOLDER] [--port N] [--open]'],
    text:
      'Prints the address to open, and runs until it is stopped (Ctrl-C) or nobody has used it for an ' +
      'hour. The page lists the maps below the root folder, and the runs are those of the command line: ' +
      'on the GPU of this machine or all its cores, with the same files, which are written there. Runs ' +
      'continue while no page is open. For workstations and nodes of clusters, the address is opened ' +
      'through an SSH tunnel, whose command is printed.',
  },
  bench: {
    summary: 'Measure how fast this machine is, on its GPUs and on the CPU.',
    usage: ['locscale-gpu bench [--quick] [-o FILE.json] [--compare FILE.json]'],
    text:
      'Generates its own maps, compares every result first (of the CPU with float64 sums, of a GPU ' +
      "with the CPU) and times it then: copies in memory, FFTs, LocScale's scaling, soft scaling, " +
      'local resolution, the bundled network, and the whole command in a process of its own. A ' +
      'wrong result has no time, and exit code 4. The table has each time, how many times the CPU ' +
      'takes as long, on GPUs the bytes moved as a share of what the GPU copies, and the modelled ' +
      'time of GPUs that docs/speed.md has a model for.',
  },
  devices: {
    summary: 'List the GPUs of this machine and what they can do.',
    usage: ['locscale-gpu devices [--json]'],
    text:
      'Every GPU with its driver, limits, features and the result of a self-test, drivers that ' +
      'WebGPU refuses, requests for a GPU that failed, and the providers that onnxruntime can use.',
  },
  models: {
    summary: 'List, import, download and check the networks that predict references.',
    usage: [
      'locscale-gpu models [list] [--json]',
      'locscale-gpu models import FILE [--name NAME] [--calibration FILE]',
      'locscale-gpu models download [--from ADDRESS] [--calibration FILE]',
      'locscale-gpu models verify [NAME]',
      'locscale-gpu models path',
    ],
    text:
      'import reads emmernet.tar.gz, or a Keras .hdf5 or PyTorch .pt file of EMmerNet, and ' +
      'executes nothing in it. download fetches emmernet.tar.gz (Zenodo record 8211668), resumes ' +
      'interrupted downloads, and verifies the checksum of the record; apart from setup it is the ' +
      'only command that uses the internet. Networks are stored in the folder that path prints; ' +
      'LOCSCALE_MODELS names another.',
  },
  setup: {
    summary: 'Install CUDA libraries, or a program named locscale.',
    usage: ['locscale-gpu setup --cuda', 'locscale-gpu setup --shim FOLDER'],
    text:
      'The CUDA libraries of onnxruntime, for networks on NVIDIA GPUs; without them networks run ' +
      'on WebGPU or the CPU. A shim is a program named locscale that runs this one: scripts and ' +
      'programs that call LocScale by name then use it, if its folder is first in PATH.',
  },
  relion: {
    summary: 'Run as an external job of RELION.',
    usage: [
      'locscale-gpu-relion --o FOLDER/ --in_3dref HALF1 [--in_mask MASK] [--LABEL VALUE ...] --j THREADS',
    ],
    text:
      'RELION writes this command line: give locscale-gpu-relion as external executable of a job ' +
      'of type External, the first half map as its 3D reference, and options of this program as ' +
      'parameters (label window_size, value 26). The second half map is found by its name. The ' +
      'label feature_enhance or locres, without a value, chooses that command. Results, ' +
      'RELION_OUTPUT_NODES.star and RELION_JOB_EXIT_SUCCESS (or FAILURE, ABORTED) go into the ' +
      "job's folder; the job stops when RELION requests it.",
  },
  version: { summary: 'Print the version.', usage: ['locscale-gpu version'] },
};
