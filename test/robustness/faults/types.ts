/**
 * What the fault-injection campaign takes and gives: programs that are stopped, starved and robbed while they
 * work.
 */

/** Names of the scenarios, in the order in which they run. */
export const faultNames = [
  'sigterm',
  'sigkill',
  'sigint-twice',
  'disk-full',
  'vanishing-inputs',
  'read-only',
  'worker-death',
  'device-lost',
  'two-runs',
  'closed-pipes',
  'memory',
  'no-network',
  'ranks',
] as const;

export type FaultName = (typeof faultNames)[number];

export interface FaultOptions {
  /** A few runs of each scenario instead of the whole campaign. */
  readonly quick: boolean;
  /**
   * Of all moments and choices: the same seed injects the same faults (when they strike depends on the
   * machine).
   */
  readonly seed: number;
  /** The built package: the folder with cli.js. */
  readonly dist: string;
  /** An empty folder; everything is written below it. */
  readonly work: string;
  /** One line each. */
  readonly onProgress: (line: string) => void;
  /** Only these scenarios. */
  readonly only?: readonly string[];
}

export interface FaultResult {
  readonly name: FaultName;
  /** One line, for the table. */
  readonly title: string;
  /** Runs into which a fault was injected. */
  readonly runs: number;
  /** What became of them, in words, and how often. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Deviations from what is documented, one sentence each; empty where all is well. */
  readonly faults: readonly string[];
  /** Of the whole scenario, its preparation included. */
  readonly seconds: number;
  /** Largest values seen, by what they are: "seconds to stop". */
  readonly measured?: Readonly<Record<string, number>>;
  /** Parts left out because something is missing on this machine, one sentence each. */
  readonly skippedParts?: readonly string[];
  /** Why nothing was run, where something is missing on this machine. */
  readonly skipped?: string;
}

export type FaultResults = readonly FaultResult[];
