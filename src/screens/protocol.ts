/**
 * Messages between the screens and what computes for them: the page's run worker (web/), or the program that
 * serves the page (app/).
 */
import type { Reference, Settings } from './settings.ts';

/** Metadata from a header or a coordinate file. */
export type FileContents =
  | {
      readonly kind: 'map';
      /** z, y, x. */
      readonly shape: readonly [number, number, number];
      /** A, z, y, x. */
      readonly voxelSize: readonly [number, number, number];
      /** From the header, if it states them. */
      readonly range?: readonly [number, number];
      readonly notes: readonly string[];
    }
  | {
      readonly kind: 'model';
      readonly atoms: number;
      readonly chains: number;
      readonly notes: readonly string[];
    }
  /** The graph of a network, and the manifest that describes one. */
  | {
      readonly kind: 'network';
      /** Of weights, which need no manifest. */
      readonly title?: string;
      readonly notes: readonly string[];
    }
  | { readonly kind: 'manifest'; readonly title: string; readonly notes: readonly string[] };

/** A file of the machine that serves the page. */
export interface ServerFile {
  readonly name: string;
  readonly size: number;
  /** Below the root of the server, with "/". */
  readonly path: string;
}

/** A file of the browser, or of the machine that serves the page. */
export type PageFile = File | ServerFile;

/** `F`: what a file is: one that the browser has, or one of the machine that serves the page. */
export interface JobFiles<F = File> {
  readonly half1?: F;
  readonly half2?: F;
  readonly map?: F;
  readonly mask?: F;
  readonly reference?: F;
  readonly model?: F;
  readonly network?: F;
  readonly manifest?: F;
}

export interface JobRequest<F = File> {
  readonly files: JobFiles<F>;
  readonly settings: Settings;
  readonly reference: Reference;
  readonly scheme: 'windows' | 'soft';
  /** Path of the scaled map, where results are written to disk. */
  readonly output?: string;
}

export interface Machine {
  readonly isolated: boolean;
  readonly cores: number;
  /** Memory of the machine as reported by the browser, bytes. */
  readonly memoryBytes: number;
  /** The GPU to be tried, or the reason why there is none. */
  readonly gpu: { readonly name: string; readonly usable: boolean } | { readonly reason: string };
  /** Where the program that serves the page computes, it is another machine than the browser's. */
  readonly server?: { readonly host: string; readonly root: string };
}

/** Plan of a run from headers and settings alone. */
export interface Plan {
  readonly mode: string;
  readonly shape: readonly [number, number, number];
  /** A. */
  readonly voxelSize: number;
  readonly voxels: number;
  readonly memoryBytes: number;
  readonly limitBytes: number;
  /** Rough time on the CPU engine, seconds. */
  readonly seconds: number;
  readonly warnings: readonly string[];
}

/** Sections normal to z, y, x through one voxel; rows from the top down. */
export interface SectionSet {
  readonly at: readonly [number, number, number];
  readonly sections: readonly SectionPair[];
}

export interface SectionPair {
  readonly width: number;
  readonly height: number;
  readonly before: Float32Array;
  /** Undefined in a preview. */
  readonly after?: Float32Array;
}

export interface Scales {
  /** Value shown as white. */
  readonly before: number;
  readonly after: number;
}

export interface OutputFile {
  readonly name: string;
  readonly what: string;
  readonly bytes: number;
}

export interface ReportPart {
  readonly id: string;
  readonly heading: string;
  readonly markup: string;
}

/** A box of voxels for the view in three dimensions. */
export interface ViewMap {
  readonly label: string;
  /** An MRC file. */
  readonly bytes: Uint8Array;
  readonly mean: number;
  readonly sigma: number;
  /** Levels at which surfaces enclose 1, 2 ... 100 % of the mask's volume. */
  readonly levels: readonly number[];
}

export interface ViewColour {
  readonly label: string;
  readonly unit: string;
  readonly bytes: Uint8Array;
  readonly low: number;
  readonly high: number;
}

export interface ViewData {
  readonly before: ViewMap;
  readonly after: ViewMap;
  readonly colours: readonly ViewColour[];
  readonly model?: { readonly text: string; readonly format: 'pdb' | 'mmcif' };
  /** Voxels were averaged in blocks of this edge. */
  readonly binned: number;
}

export interface RunSummary {
  readonly engine: string;
  readonly mode: string;
  readonly resolution: number | undefined;
  readonly resolutionSource: string;
  readonly voxelSize: number;
  readonly shape: readonly [number, number, number];
  readonly maskVolume: number;
  readonly windowAngstrom: number;
  /** Of soft scaling: standard deviation of its Gaussian windows, A. */
  readonly windowSigma?: number;
  readonly seconds: number;
  readonly warnings: readonly string[];
  readonly files: readonly OutputFile[];
  readonly parts: readonly ReportPart[];
  /** Part of the box to show. */
  readonly crop: { readonly start: readonly number[]; readonly size: readonly number[] };
  readonly centre: readonly [number, number, number];
  readonly scales: Scales;
  /** Generated data only. */
  readonly truth?: { readonly before: number; readonly after: number };
}

/** A result in the browser's own storage. */
export interface StoredResult {
  readonly id: string;
  /** ISO 8601. */
  readonly finished: string;
  /** Names of the maps. */
  readonly title: string;
  readonly bytes: number;
}

export interface Failure {
  readonly tag: string;
  readonly message: string;
  readonly hint?: string;
}

export type RunEvent =
  | { readonly kind: 'step'; readonly name: string; readonly message: string }
  | { readonly kind: 'progress'; readonly name: string; readonly done: number; readonly total: number }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'fsc'; readonly resolution: number | undefined }
  | { readonly kind: 'planned'; readonly seconds: number; readonly peakBytes: number; readonly mode: string };

/** Requests by name, with arguments and results. */
export interface Requests<F = File> {
  probe: { takes: undefined; gives: Machine };
  inspect: { takes: F; gives: FileContents };
  preview: { takes: F; gives: SectionSet & { readonly scales: Scales; readonly name: string } };
  plan: { takes: JobRequest<F>; gives: Plan };
  demo: { takes: undefined; gives: readonly F[] };
  run: { takes: JobRequest<F>; gives: RunSummary };
  sections: {
    takes: { readonly at: readonly [number, number, number]; readonly whole: boolean };
    gives: SectionSet & { readonly values: { readonly before: number; readonly after: number } };
  };
  file: { takes: string; gives: Blob };
  stream: { takes: string; gives: ReadableStream<Uint8Array> };
  view: { takes: undefined; gives: ViewData };
  store: { takes: undefined; gives: StoredResult };
  storedResults: { takes: undefined; gives: readonly StoredResult[] };
  /** By id. */
  open: { takes: string; gives: RunSummary };
  remove: { takes: string; gives: undefined };
}

export type RequestName = keyof Requests;
export type ToWorker =
  | { readonly id: number; readonly name: RequestName; readonly value: unknown }
  | { readonly name: 'cancel' };
export type FromWorker =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: Failure }
  | { readonly event: RunEvent };

/** One folder of the machine that serves the page. */
export interface Listing {
  /** Below the root, with "/"; '' for the root. */
  readonly folder: string;
  readonly folders: readonly string[];
  /** Maps and models. */
  readonly files: readonly ListedFile[];
  /** Entries beyond those listed. */
  readonly more: number;
}

export interface ListedFile extends ServerFile {
  /** ISO 8601. */
  readonly modified: string;
}

/** The run of the serving program that is under way, or else its last one. */
export interface ServerRun {
  readonly id: number;
  readonly request: JobRequest<ServerFile>;
  readonly plan: Plan;
}

/** A line of the stream of a serving program. */
export type ServerLine =
  /** First, and when another run starts. */
  | { readonly run: ServerRun | undefined }
  /** `number` ascends; `age`: milliseconds since it happened. */
  | { readonly number: number; readonly age: number; readonly event: RunEvent }
  | { readonly number: number; readonly age: number; readonly summary: RunSummary }
  | { readonly number: number; readonly age: number; readonly failure: Failure };
