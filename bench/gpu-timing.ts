/**
 * Where the time of GPU work goes, measured from outside: the encoders of a device are made to write
 * timestamps around their compute passes, and to note how long the host took to record and submit them.
 * Two ways of recording:
 *   passes     timestamps around the passes as the engine records them: what is reported as its time
 *   dispatches every dispatch in a pass of its own, so that the time splits by shader; the extra passes
 *              cost something, so these times are only used as shares
 */
import { type GpuDevice, usage } from '../src/gpu/device.ts';

export type TimingMode = 'passes' | 'dispatches';

export interface GpuSegment {
  /** Label of the encoder and of the pass ('passes') or of the pipeline ('dispatches'). */
  readonly encoder: string;
  readonly label: string;
  /** Time on the device; 0 where the device has no timestamps. */
  readonly seconds: number;
  /** 1 in the mode 'dispatches'. */
  readonly dispatches: number;
}

export interface GpuTimes {
  /** Sum over the passes. */
  readonly busySeconds: number;
  /** Begin of the first pass to end of the last: gaps, clears and copies included. */
  readonly spanSeconds: number;
  /** Host time from the creation of every encoder to its end, and in submissions. */
  readonly encodeSeconds: number;
  /** Host time until the device had done everything. */
  readonly wallSeconds: number;
  readonly passes: number;
  readonly dispatches: number;
  readonly segments: readonly GpuSegment[];
}

/** WebGPU allows 4096 queries a set; each pass takes two. */
const PASSES_PER_SET = 2048;

interface OpenSegment {
  readonly encoder: string;
  readonly label: string;
  readonly index: number;
  dispatches: number;
}

export class GpuTimer {
  private readonly gpu: GpuDevice;
  private readonly querySets: GPUQuerySet[] = [];
  private mode: TimingMode | undefined;
  private segments: OpenSegment[] = [];
  private encodeSeconds = 0;

  /** From now on the device's encoders pass through this timer. */
  constructor(gpu: GpuDevice) {
    this.gpu = gpu;
    const { device } = gpu;
    const createEncoder = device.createCommandEncoder.bind(device);
    device.createCommandEncoder = (descriptor) => {
      const encoder = createEncoder(descriptor);
      return this.mode === undefined ? encoder : this.watch(encoder, descriptor?.label ?? '', this.mode);
    };
    const { queue } = device;
    const submit = queue.submit.bind(queue);
    queue.submit = (buffers) => {
      const begun = performance.now();
      submit(buffers);
      if (this.mode !== undefined) this.encodeSeconds += (performance.now() - begun) / 1000;
    };
  }

  get timestamps(): boolean {
    return this.gpu.timestamps;
  }

  /** Runs `work`, waits until the device has done it, and says where the time went. */
  async time<T>(work: () => T | Promise<T>, mode: TimingMode = 'passes'): Promise<GpuTimes & { result: T }> {
    await this.gpu.finish();
    this.segments = [];
    this.encodeSeconds = 0;
    this.mode = mode;
    const begun = performance.now();
    let result: T;
    try {
      result = await work();
      await this.gpu.finish();
    } finally {
      this.mode = undefined;
    }
    const wallSeconds = (performance.now() - begun) / 1000;
    const stamps = await this.readStamps();
    const seconds = this.segments.map(({ index }) =>
      stamps === undefined ? 0 : Math.max(0, stamps[2 * index + 1] - stamps[2 * index]),
    );
    return {
      result,
      busySeconds: seconds.reduce((sum, s) => sum + s, 0),
      spanSeconds: stamps === undefined || stamps.length === 0 ? 0 : spanOf(stamps),
      encodeSeconds: this.encodeSeconds,
      wallSeconds,
      passes: this.segments.length,
      dispatches: this.segments.reduce((sum, s) => sum + s.dispatches, 0),
      segments: this.segments.map(({ encoder, label, dispatches }, i) => ({
        encoder,
        label,
        dispatches,
        seconds: seconds[i],
      })),
    };
  }

  private watch(encoder: GPUCommandEncoder, name: string, mode: TimingMode): GPUCommandEncoder {
    const begun = performance.now();
    const beginPass = encoder.beginComputePass.bind(encoder);
    const finish = encoder.finish.bind(encoder);
    const beginTimed = (label: string): { pass: GPUComputePassEncoder; segment: OpenSegment } => {
      const index = this.segments.length;
      const segment: OpenSegment = { encoder: name, label, index, dispatches: 0 };
      this.segments.push(segment);
      if (!this.gpu.timestamps) return { pass: beginPass({ label }), segment };
      const at = 2 * (index % PASSES_PER_SET);
      const querySet = this.querySet(Math.floor(index / PASSES_PER_SET));
      const timestampWrites = { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
      return { pass: beginPass({ label, timestampWrites }), segment };
    };
    encoder.beginComputePass = (descriptor) => {
      const label = descriptor?.label ?? '';
      return mode === 'passes' ? countDispatches(beginTimed(label)) : splitPass(beginTimed);
    };
    encoder.finish = (descriptor) => {
      const made = finish(descriptor);
      this.encodeSeconds += (performance.now() - begun) / 1000;
      return made;
    };
    return encoder;
  }

  private querySet(index: number): GPUQuerySet {
    this.querySets[index] ??= this.gpu.device.createQuerySet({
      label: `timestamps ${index}`,
      type: 'timestamp',
      count: 2 * PASSES_PER_SET,
    });
    return this.querySets[index];
  }

  /** Begin and end of every segment in seconds, or undefined without timestamps. */
  private async readStamps(): Promise<Float64Array | undefined> {
    if (!this.gpu.timestamps) return undefined;
    const { device } = this.gpu;
    const stamps = new Float64Array(2 * this.segments.length);
    let first: bigint | undefined;
    for (let set = 0; set * PASSES_PER_SET < this.segments.length; set++) {
      const count = 2 * Math.min(PASSES_PER_SET, this.segments.length - set * PASSES_PER_SET);
      const resolved = this.gpu.createBuffer('timestamps', 8 * count, usage.queryResolve | usage.copySource);
      const encoder = device.createCommandEncoder({ label: 'timestamps' });
      encoder.resolveQuerySet(this.querySets[set], 0, count, resolved, 0);
      device.queue.submit([encoder.finish()]);
      const values = new BigInt64Array(await this.gpu.read(resolved, 0, 8 * count));
      this.gpu.destroyBuffer(resolved);
      first ??= values[0];
      // Nanoseconds since boot do not fit a float64 exactly, differences do.
      values.forEach((value, i) => {
        stamps[2 * PASSES_PER_SET * set + i] = Number(value - (first as bigint)) * 1e-9;
      });
    }
    return stamps;
  }
}

function spanOf(stamps: Float64Array): number {
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const stamp of stamps) {
    from = Math.min(from, stamp);
    to = Math.max(to, stamp);
  }
  return to - from;
}

function countDispatches({ pass, segment }: { pass: GPUComputePassEncoder; segment: OpenSegment }) {
  const dispatch = pass.dispatchWorkgroups.bind(pass);
  pass.dispatchWorkgroups = (...counts) => {
    segment.dispatches++;
    dispatch(...counts);
  };
  return pass;
}

/** Stands for a pass and gives every dispatch one of its own; knows what the engine's kernels use. */
function splitPass(
  begin: (label: string) => { pass: GPUComputePassEncoder; segment: OpenSegment },
): GPUComputePassEncoder {
  let pipeline: GPUComputePipeline | undefined;
  let group: GPUBindGroup | undefined;
  const split: Pick<
    GPUComputePassEncoder,
    'setPipeline' | 'setBindGroup' | 'dispatchWorkgroups' | 'end' | 'label'
  > = {
    label: 'split',
    setPipeline: (next) => {
      pipeline = next;
    },
    setBindGroup: (index: number, next: GPUBindGroup | null | undefined, ...offsets: unknown[]) => {
      if (index !== 0 || !next || offsets.length > 0)
        throw new Error('The timer splits passes of bind group 0 only.');
      group = next;
    },
    dispatchWorkgroups: (...counts) => {
      if (!pipeline || !group) throw new Error('A dispatch without pipeline or bind group.');
      const { pass, segment } = begin(pipeline.label);
      segment.dispatches = 1;
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...counts);
      pass.end();
    },
    end: () => undefined,
  };
  return split as GPUComputePassEncoder;
}

/** Seconds by what `key` says of a segment; segments without a key are left out. */
export function sumBy(
  segments: readonly GpuSegment[],
  key: (segment: GpuSegment) => string | undefined,
): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const segment of segments) {
    const name = key(segment);
    if (name !== undefined) sums[name] = (sums[name] ?? 0) + segment.seconds;
  }
  return sums;
}
