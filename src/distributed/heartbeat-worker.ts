/**
 * Increments the counter in a rank's heartbeat file. It runs in its own thread because the main thread may be
 * busy for longer than the other ranks' timeout, and it dies with the process.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { type HeartbeatData, HeartbeatSlot } from './heartbeat.ts';

const { path, identity, pausesMs, control } = workerData as HeartbeatData;

for (let count = 0; Atomics.load(control, HeartbeatSlot.stop) === 0; count++) {
  Atomics.store(control, HeartbeatSlot.writing, 1);
  // Checked again after setting `writing`: whoever stops the beat waits until `writing` is clear and relies
  // on no later write.
  if (Atomics.load(control, HeartbeatSlot.stop) === 0) {
    try {
      writeFileSync(`${path}.new`, JSON.stringify({ ...identity, count }));
      renameSync(`${path}.new`, path);
    } catch {
      // The next beat makes up for a short file-system failure; after a long one the other ranks report this
      // one.
    }
  }
  Atomics.store(control, HeartbeatSlot.writing, 0);
  Atomics.notify(control, HeartbeatSlot.writing);
  const pause = Atomics.load(control, HeartbeatSlot.settled) === 0 ? pausesMs.opening : pausesMs.settled;
  Atomics.wait(control, HeartbeatSlot.stop, 0, pause);
}
