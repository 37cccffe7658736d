/**
 * Correctness before any time: every bench first compares the result that it is going to time with an
 * oracle. A failed gate ends the run with exit code 1; no time is printed or stored.
 */

export interface Gate {
  /** What was compared, with what. */
  readonly name: string;
  /** Relative L2 error: |result - oracle| / |oracle|. */
  readonly error: number;
  readonly limit: number;
}

export class GateError extends Error {
  override readonly name = 'GateError';
}

export function relativeL2(result: ArrayLike<number>, oracle: ArrayLike<number>): number {
  if (result.length !== oracle.length || oracle.length === 0) return Number.NaN;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < oracle.length; i++) {
    difference += (result[i] - oracle[i]) ** 2;
    norm += oracle[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** Throws unless the error is a number within the limit. */
export function checkGate(
  name: string,
  result: ArrayLike<number>,
  oracle: ArrayLike<number>,
  limit: number,
): Gate {
  const error = relativeL2(result, oracle);
  if (!(error <= limit)) {
    throw new GateError(
      `${name}: relative error ${error.toExponential(2)} over ${oracle.length} values, allowed ` +
        `${limit}; nothing was timed.`,
    );
  }
  return { name, error, limit };
}
