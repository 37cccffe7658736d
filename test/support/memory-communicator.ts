/** Ranks in one process: what one sends, the others get as copies. */
import type { Communicator } from '../../src/distributed/communicator.ts';

export function memoryCommunicators(size: number): Communicator[] {
  const rounds: { root?: Uint8Array; parts: Map<number, Uint8Array>; wake: (() => void)[] }[] = [];
  const at = (index: number) => {
    rounds[index] ??= { parts: new Map(), wake: [] };
    return rounds[index];
  };
  const until = async (round: ReturnType<typeof at>, ready: () => boolean): Promise<void> => {
    while (!ready()) await new Promise<void>((resolve) => round.wake.push(resolve));
  };
  const tell = (round: ReturnType<typeof at>): void => {
    for (const wake of round.wake.splice(0)) wake();
  };
  return Array.from({ length: size }, (_, rank) => {
    let next = 0;
    const gather = async (bytes: Uint8Array): Promise<readonly Uint8Array[] | undefined> => {
      const round = at(next++);
      round.parts.set(rank, bytes.slice());
      tell(round);
      if (rank !== 0) return undefined;
      await until(round, () => round.parts.size === size);
      return Array.from({ length: size }, (_, sender) => round.parts.get(sender) as Uint8Array);
    };
    return {
      kind: 'files',
      description: `memory, rank ${rank} of ${size}`,
      rank,
      size,
      localRank: rank,
      localSize: size,
      async broadcast(bytes, root = 0) {
        const round = at(next++);
        if (rank === root) {
          round.root = (bytes as Uint8Array).slice();
          tell(round);
        }
        await until(round, () => round.root !== undefined);
        return (round.root as Uint8Array).slice();
      },
      async scatter(parts) {
        const round = at(next++);
        if (rank === 0) for (const [to, part] of (parts ?? []).entries()) round.parts.set(to, part.slice());
        tell(round);
        await until(round, () => round.parts.has(rank));
        return round.parts.get(rank) as Uint8Array;
      },
      gather,
      async barrier() {
        await gather(new Uint8Array(0));
      },
      abort: () => undefined,
      close: async () => undefined,
      traffic: { sent: 0, received: 0 },
      failure: new Promise<never>(() => undefined),
    } satisfies Communicator;
  });
}
