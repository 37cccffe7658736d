/** The machine, as stored with every result. */
import { cpus } from 'node:os';
import { coreCount, runtimeName, totalMemoryBytes } from '../platform/index.ts';

export interface MachineDescription {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  /** "Node 20.20.2". */
  readonly runtime: string;
}

/** Nothing that identifies a person or a host. */
export function describeMachine(): MachineDescription {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: coreCount(),
    memoryGiB: Math.round(totalMemoryBytes() / 2 ** 30),
    runtime: runtimeName(),
  };
}
