/** Checkpoints in memory, copied in and out as files would be. */
import type { Checkpoint, Checkpoints } from '../../src/pipeline/checkpoints.ts';

export interface MemoryCheckpoints extends Checkpoints {
  /** Names of what was added, in order. */
  readonly added: string[];
  count(name: string): number;
  /** The `index`-th content under a name is lost. */
  drop(name: string, index: number): void;
}

export function memoryCheckpoints(): MemoryCheckpoints {
  const kept = new Map<string, { name: string; contents: Checkpoint[] }>();
  const added: string[] = [];
  const entry = (name: string, of: unknown) => {
    const key = `${name} ${JSON.stringify(of)}`;
    const found = kept.get(key) ?? { name, contents: [] };
    kept.set(key, found);
    return found;
  };
  const copy = ({ values, arrays }: Checkpoint): Checkpoint => ({
    values: JSON.parse(JSON.stringify(values)),
    arrays: arrays.map((array) => array.slice()),
  });
  const named = (name: string) => [...kept.values()].filter((one) => one.name === name);
  return {
    added,
    count: (name) => named(name).reduce((sum, { contents }) => sum + contents.length, 0),
    drop: (name, index) => {
      named(name)[0].contents.splice(index, 1);
    },
    list: async (name, of) => entry(name, of).contents.map(copy),
    async add(name, of, content) {
      added.push(name);
      entry(name, of).contents.push(copy(content));
    },
    async replace(name, of, content) {
      added.push(name);
      entry(name, of).contents.splice(0, Number.POSITIVE_INFINITY, copy(content));
    },
  };
}
