/**
 * Counts on in a rank's file of life, in a thread of its own: the rank may be busy in its main thread for
 * longer than others wait for a sign. Ends with the process, whatever ends that.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { type HeartbeatData, HeartbeatSlot } from './heartbeat.ts';

const { path, life, pausesMs, control } = workerData as HeartbeatData;

for (let count = 0; Atomics.load(control, HeartbeatSlot.stop) === 0; count++) {
  Atomics.store(control, HeartbeatSlot.writing, 1);
  // Asked again: whoever stops the beat waits for `writing` to fall and must then see no further write.
  if (Atomics.load(control, HeartbeatSlot.stop) === 0) {
    try {
      writeFileSync(`${path}.new`, JSON.stringify({ ...life, count }));
      renameSync(`${path}.new`, path);
    } catch {
      // A file system that fails for a moment: the next beat tells. One that fails for longer: the others
      // will.
    }
  }
  Atomics.store(control, HeartbeatSlot.writing, 0);
  Atomics.notify(control, HeartbeatSlot.writing);
  const pause = Atomics.load(control, HeartbeatSlot.settled) === 0 ? pausesMs.opening : pausesMs.settled;
  Atomics.wait(control, HeartbeatSlot.stop, 0, pause);
}
