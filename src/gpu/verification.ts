/**
 * Whether the kernels of a job compute correctly on this GPU and driver. Drivers do compile shaders wrongly;
 * a map from such a device must not be. What is verified is what runs: the first time that a kernel is used
 * on a GPU, results of its own are compared with a float64 computation (check-*.ts), and nothing is compiled
 * for it. A verdict holds for one code with its constants; who remembers verdicts beyond the process must
 * keep them per adapter, driver and program (verdict-key.ts).
 */
import { LocScaleError, named } from '../errors.ts';

/** Kernels that have been verified, by the fingerprints of all that one check covers. */
export interface VerdictStore {
  /** True only for kernels found right; a failed check ends the run and is not stored. */
  has(check: string): boolean;
  /** Only for checks that have passed. */
  add(check: string, verdict: Verdict): void;
}

/** A check that has passed. */
export interface Verdict {
  /** "transform of 256 values". */
  readonly subject: string;
  /** Relative error that was measured. */
  readonly error: number;
}

/** Of one device, shared by all its operations. */
export interface Verification {
  /**
   * Runs `check`, which returns the relative error of what `kernels` compute, unless they are known to be
   * right. Throws 'no-device' where they are wrong.
   */
  verify(subject: string, kernels: readonly Verifiable[], check: () => Promise<number>): Promise<void>;
  /** Checks that ran and that were remembered, and what the former took. */
  readonly counts: { run: number; remembered: number; milliseconds: number };
}

/** A kernel, as far as checks identify it. */
export interface Verifiable {
  /** Hash of code, entry point and constants. */
  readonly fingerprint: string;
}

/** `where` of the error of a GPU that computes wrongly, unlike one that is lost. */
export const SELF_TEST = 'self-test';

/** Float32 engines stay below 3e-6 here; a wrong shader is off by more than 1e-2. */
const TOLERANCE = 1e-4;
/**
 * A check takes milliseconds; what takes time is the driver's own compilation at the first dispatch, up to 10
 * s on software.
 */
const TIMEOUT_MILLISECONDS = { hardware: 30_000, software: 120_000 } as const;

/** A check under way is shared: two jobs that need it wait for the same one. */
export function createVerification(
  name: string,
  kind: keyof typeof TIMEOUT_MILLISECONDS,
  store: VerdictStore,
  { timeoutMilliseconds = TIMEOUT_MILLISECONDS[kind] as number } = {},
): Verification {
  const counts = { run: 0, remembered: 0, milliseconds: 0 };
  const running = new Map<string, Promise<void>>();
  const failed = (reason: string): LocScaleError =>
    new LocScaleError('no-device', `The GPU ${name} failed its self-test: ${reason}.`, {
      where: SELF_TEST,
      hint: `Update its driver, or use ${named('engine', 'cpu')}.`,
    });

  async function measure(key: string, subject: string, check: () => Promise<number>): Promise<void> {
    const begun = performance.now();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeOut = new Promise<never>((_, reject) => {
      const reason = `its ${subject} did not finish within ${timeoutMilliseconds / 1000} s`;
      timer = setTimeout(() => reject(failed(reason)), timeoutMilliseconds);
    });
    try {
      const work = check();
      // After the time-out nobody waits for it any more.
      work.catch(() => undefined);
      const error = await Promise.race([work, timeOut]);
      if (!(error <= TOLERANCE))
        throw failed(
          `its ${subject} is wrong by ${error.toExponential(1)} (relative, at most ${TOLERANCE} allowed)`,
        );
      counts.run++;
      store.add(key, { subject, error });
    } finally {
      clearTimeout(timer);
      counts.milliseconds += performance.now() - begun;
    }
  }

  return {
    counts,
    async verify(subject, kernels, check) {
      // Cases that a kernel distinguishes by its parameters are separate subjects.
      const key = [subject, ...kernels.map(({ fingerprint }) => fingerprint).sort()].join(' ');
      if (store.has(key)) {
        counts.remembered++;
        return;
      }
      const work = running.get(key) ?? measure(key, subject, check);
      running.set(key, work);
      await work;
    },
  };
}

/** Of this process only. */
export function createVerdicts(known: Iterable<string> = []): VerdictStore {
  const checks = new Set(known);
  return {
    has: (check) => checks.has(check),
    add: (check) => {
      checks.add(check);
    },
  };
}

/** Of a shader's whole code, entry point and constants: any change of them is another kernel. */
export async function fingerprintOf(
  code: string,
  entryPoint: string,
  constants: object = {},
): Promise<string> {
  const text = JSON.stringify([code, entryPoint, constants]);
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash, 0, 12), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Relative L2 distance; 0 where both are 0. */
export function relativeError(ours: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (ours[i] - expected[i]) ** 2;
    norm += expected[i] ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}
