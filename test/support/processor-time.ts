/** Processor time: what this process has computed. Unlike the clock, other programs do not lengthen it. */
import process from 'node:process';

/** Seconds of all threads of this process since `before`, a value of `process.cpuUsage()`. */
export function processorSeconds(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
