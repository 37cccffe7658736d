/** What targets share: promises of readers, and small tools for bytes. */
import { isLocScaleError } from '../../../src/errors.ts';

const MOST_MESSAGE_LENGTH = 600;

/** What a reader may not do; told apart from its refusals by the class. */
export function property(holds: boolean, what: string): void {
  if (!holds) throw new Error(`The reader broke its promise: ${what}.`);
}

/**
 * `read`, with a look at what it says when it refuses: one short sentence, and nothing that acts on a
 * terminal.
 */
export function withClearRefusals(
  read: (bytes: Uint8Array) => Promise<void>,
): (bytes: Uint8Array) => Promise<void> {
  return async (bytes) => {
    try {
      await read(bytes);
    } catch (error) {
      if (isLocScaleError(error)) {
        const { message, found = '', expected = '' } = error;
        for (const text of [message, found, expected]) {
          property(
            !/\p{Cc}/u.test(text),
            `control characters stand in ${JSON.stringify(text.slice(0, 200))}`,
          );
          property(
            text.length <= MOST_MESSAGE_LENGTH,
            `a refusal of ${text.length} characters is no sentence`,
          );
        }
      }
      throw error;
    }
  };
}

/** For choices that must be the same at every run of a case: FNV-1a of the bytes. */
export function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

export const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
