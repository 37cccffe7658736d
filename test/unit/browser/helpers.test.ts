/**
 * What browsers need of their own: a hash of streams and a bzip2 decoder, against Node's and the library that
 * Node takes.
 */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sha256 } from '../../../src/browser/sha256.ts';
import { decompressBlock } from '../../../src/platform/bzip2-block.ts';
import { embeddedFile, embedFile } from '../../../src/platform/embedded.ts';
import { loadBzip2 } from '../../../src/platform/node.ts';
import { encodeBzip2 } from '../../support/bzip2-encode.ts';

describe('the hash of a stream', () => {
  it('is SHA-256, however the bytes arrive', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), (chunks) => {
        const hash = new Sha256();
        for (const chunk of chunks) hash.update(chunk);
        expect(hash.digest()).toBe(createHash('sha256').update(Buffer.concat(chunks)).digest('hex'));
      }),
    );
  });

  it('pads every length of the last block', () => {
    for (let length = 0; length < 130; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => 7 * i);
      const hash = new Sha256();
      hash.update(bytes);
      expect(hash.digest(), `${length} bytes`).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
  });
});

describe('the bzip2 decoder of browsers', () => {
  const bytes = fc
    .array(fc.tuple(fc.uint8Array({ maxLength: 20 }), fc.nat(600)), { maxLength: 12 })
    .map((parts) => Buffer.concat(parts.flatMap(([noise, run]) => [noise, Buffer.alloc(run, run & 3)])));

  it("gives what Node's gives", async () => {
    const node = await loadBzip2();
    fc.assert(
      fc.property(bytes, (plain) => {
        const packed = encodeBzip2(plain);
        const decoded = Buffer.from(decompressBlock(packed, plain.length));
        expect(decoded.equals(plain)).toBe(true);
        if (plain.length > 0)
          expect(Buffer.from(node.decompress(packed, plain.length)).equals(decoded)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('refuses damaged bytes, and more of them than there is room for', () => {
    const plain = Buffer.from('half map half map half map');
    const packed = encodeBzip2(plain);
    expect(() => decompressBlock(packed, plain.length - 1)).toThrow('longer than it may be');
    for (let at = 0; at < packed.length; at++)
      for (const bit of [0, 3, 7]) {
        const damaged = Uint8Array.from(packed);
        damaged[at] ^= 1 << bit;
        let decoded: Uint8Array | undefined;
        try {
          decoded = decompressBlock(damaged, plain.length);
        } catch {
          continue;
        }
        // What is not covered by a checksum of this stream (its own, padding) may change without harm.
        expect(Buffer.from(decoded).equals(plain), `byte ${at}, bit ${bit}`).toBe(true);
      }
  });
});

describe('embedded files', () => {
  it('are found by the end of their path, the longest first', async () => {
    embedFile('units.wgsl', async () => Uint8Array.of(1));
    embedFile('lib/units.wgsl', async () => Uint8Array.of(2));
    expect(await embeddedFile(new URL('https://host/any/units.wgsl'))).toEqual(Uint8Array.of(1));
    expect(await embeddedFile(new URL('https://host/any/lib/units.wgsl'))).toEqual(Uint8Array.of(2));
    expect(embeddedFile(new URL('https://host/other.wgsl'))).toBeUndefined();
  });
});
